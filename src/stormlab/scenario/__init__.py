"""Scenarios: the typed model, its loader, arrivals, records, measures, expectations and the verdict."""
