"""The ledger in PostgreSQL: its tables, the ways to connect to it, and its migrations."""
