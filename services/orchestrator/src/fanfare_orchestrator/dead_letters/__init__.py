"""From the `dead` queue into the ledger: nothing is dropped silently, and an operator sees why it died."""
