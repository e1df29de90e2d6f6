"""The operations on batches: claim, record, release, close. Each is one short transaction that carries the epoch.

Order of locks, everywhere: a batch's row, then its campaign's.
"""
