"""A service of a scenario that asks others: for what it answers with, or for the lease it needs to serve."""
