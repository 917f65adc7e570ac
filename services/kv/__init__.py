"""A durable key-value service in ports and adapters."""
