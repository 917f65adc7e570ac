"""Plug-ins to start from."""
