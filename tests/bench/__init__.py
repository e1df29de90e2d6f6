"""`make bench`: Fanfare measured against a bare loop and a peer in the same run, each figure as a ratio."""
