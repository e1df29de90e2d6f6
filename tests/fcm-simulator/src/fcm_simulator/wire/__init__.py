"""The fault listener: HTTP down to the frames, so that it can break off anywhere."""
