"""Fanfare's orchestrator: plans, re-drives, adds up, finishes, notifies."""
