"""The servers of a test session: its own database, its own RabbitMQ vhost, its own Redis database.

`-p fanfare_shared.testing.plugin` in the root `pyproject.toml` gives every test the fixtures; nothing need be imported.
"""
