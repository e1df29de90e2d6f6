"""Image jobs: what is asked of many images, its control, and what became of each."""
