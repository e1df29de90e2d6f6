"""Fanfare's image worker: decodes once, writes every variant, records each item's outcome."""

from fanfare_image_worker.environment import prepare

prepare()
