"""Companions: processes that run beside the Celery worker in the same container, and live and die with it."""
