"""Image jobs: from a target to batches, onto the lanes, what becomes of those not worked on, and what follows a job."""
