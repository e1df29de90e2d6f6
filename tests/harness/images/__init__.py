"""Images for tests, benchmarks and the demo: photos of a wanted size, and files that mean harm."""
