"""A scriptable Firebase Cloud Messaging server: the README says how to use it."""
