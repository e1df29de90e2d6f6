"""Apps: one Firebase project each, with its credentials and its quota."""
