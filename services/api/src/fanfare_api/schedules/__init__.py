"""The daily work: when it is done, and how it went."""
