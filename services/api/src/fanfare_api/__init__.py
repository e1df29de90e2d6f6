"""Fanfare's HTTP API: authenticates, validates, commits the intent, publishes a hint."""
