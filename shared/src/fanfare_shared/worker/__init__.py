"""The Celery glue: one app factory, one Task base class, the publisher, the heartbeat file, the metrics."""
