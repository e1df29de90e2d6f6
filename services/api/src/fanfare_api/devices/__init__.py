"""Devices: a token each, and whom it belongs to; one by one, or a million at once."""
