"""What the services share: emulated capacity, faults, settings, logs, metrics, serving."""
