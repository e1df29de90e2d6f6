"""The fault matrix: what a campaign survives, each fault against a fleet of real processes. See docs/chaos.md."""
