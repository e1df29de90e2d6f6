"""Sending one batch: claim, then chunk by chunk quota, journal, send; then close it or give it back."""
