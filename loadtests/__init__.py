"""Load generators on Locust."""
