"""The reconciler: rows without objects, and objects without rows.

Keys begin with two hexadecimal digits below their folder, so storage and ledger are compared in 256 parts a folder, and memory
holds the keys of one part.
"""
