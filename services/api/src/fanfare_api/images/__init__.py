"""Images as their owners see them: found, renamed, trashed, and served."""
