"""The audit log: who did what, when, written in the transaction of what was done."""
