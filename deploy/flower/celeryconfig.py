"""Flower's Celery: `celery flower` reads it by this name, from PYTHONPATH. The broker's address is CELERY_BROKER_URL."""

accept_content = ["json"]
# RabbitMQ 4.3 refuses transient queues that are not exclusive.
event_queue_exclusive = True
control_queue_exclusive = True
broker_connection_retry_on_startup = True
