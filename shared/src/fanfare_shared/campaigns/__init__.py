"""A campaign in the ledger: its batches claimed, recorded, released, closed. Each is one short transaction with the epoch.

Order of locks, everywhere: a batch's row, then its campaign's.
"""
