"""File operations: a whole batch in a transaction, and archives."""
