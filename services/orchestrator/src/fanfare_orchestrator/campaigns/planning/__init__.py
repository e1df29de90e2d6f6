"""Planning: from a campaign's target to its batches, a window at a time."""
