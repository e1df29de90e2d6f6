"""Folders: names in the ledger, nothing in storage."""
