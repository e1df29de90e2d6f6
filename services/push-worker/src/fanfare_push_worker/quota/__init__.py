"""The quota of a Firebase project, shared by every worker: one bucket in Redis."""
