"""Planning: from an image job's target to its batches and items, a window at a time."""
