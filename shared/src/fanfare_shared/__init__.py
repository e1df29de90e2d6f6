"""What Fanfare's services share: the messages, the ledger and the Celery glue."""
