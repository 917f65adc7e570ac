"""Dashboards, recording rules and alerts as code; what they generate is committed below ``deploy/``."""
