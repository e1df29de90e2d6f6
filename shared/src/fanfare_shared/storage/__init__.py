"""Where images' bytes are kept: one port (`port.Storage`) over a local folder, S3 or GCS, and the links to what it holds.

Needs the extra `fanfare-shared[storage]`. A store is opened in the process that uses it, never before a fork:
`storage = per_child(lambda: open_storage(settings))`.
"""
