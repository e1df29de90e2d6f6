"""API keys: shown once, stored as digests, revoked but never deleted."""
