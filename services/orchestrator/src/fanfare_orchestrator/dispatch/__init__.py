"""Dispatch: which ready batches are on their queue, so that no project or campaign stands before another for long."""
