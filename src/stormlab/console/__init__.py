"""The stack people look at, without Docker: services, proxy and one page with charts, toxics, scenarios and traces."""
