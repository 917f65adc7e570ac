"""The Fibonacci service: a computation whose trace is a tree and whose cost is known."""
