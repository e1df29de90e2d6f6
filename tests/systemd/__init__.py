"""deploy/systemd without systemd: what the units say, and their commands as processes."""
