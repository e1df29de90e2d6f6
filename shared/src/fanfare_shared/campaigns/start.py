"""What starting a campaign writes, the same whether a caller sends it now or its scheduled moment has come."""

# Until the first hint is known to have arrived, the sweep looks again after five seconds. A TTL of 0 is "now or never"
# for each message (https://firebase.google.com/docs/cloud-messaging/concept-options#ttl), not for the whole campaign,
# which then gets the longest there is.
STARTED = """
    status = 'processing',
    started_at = now(),
    due_at = now() + interval '5 seconds',
    expires_at = coalesce(expires_at, now() + make_interval(secs => coalesce(nullif(ttl_seconds, 0), 2419200))),
    updated_at = now()
"""
"""The SET list of an UPDATE of `campaigns`, which must lock the row and check `Action.SEND` or `Action.START` first."""
