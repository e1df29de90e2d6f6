"""Fanfare's push worker: claims a batch, sends it through FCM, records each device's outcome."""
