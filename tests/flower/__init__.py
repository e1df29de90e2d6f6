"""Flower as operators run it, on a fleet whose workers send events and obey it."""
