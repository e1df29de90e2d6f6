"""The sweep: the only clock. What is to happen later is a row with a due time, and this looks at those that are due."""
