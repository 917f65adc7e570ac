"""The gateway: routes to replicas of the other services, with the policies that a scenario would use."""
