"""Campaigns: from a target to batches, onto the queues, and what becomes of those not sent."""
