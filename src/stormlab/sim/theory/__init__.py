"""Closed forms that simulations are checked against, one module per family; rates per second, times in seconds."""
