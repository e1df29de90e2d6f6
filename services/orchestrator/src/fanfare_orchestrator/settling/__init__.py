"""Settling: what a campaign needs when something of it has ended - more batches, a drain, or its end."""
