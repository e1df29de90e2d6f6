"""Fanfare's image worker: decodes once, writes every variant, records each item's outcome."""
