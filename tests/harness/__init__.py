"""A fleet of real processes for the tests that cross services, the chaos tests and the benchmarks."""
