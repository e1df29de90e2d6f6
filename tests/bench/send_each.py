"""The peer: firebase-admin's own `send_each` to the same sink, in batches of 500, as its documentation shows it."""

import time

import firebase_admin
from firebase_admin import credentials, messaging

from bench.bare_loop import Measured

_A_CALL = 500


def run(url: str, service_account: dict[str, str], count: int) -> Measured:
    """Sends `count` messages. The CA must be in REQUESTS_CA_BUNDLE, for firebase-admin takes no other."""
    app = firebase_admin.initialize_app(credentials.Certificate(service_account), name="bench")
    try:
        service = messaging._get_messaging_service(app)
        service._fcm_url = f"{url}/v1/projects/{app.project_id}/messages:send"
        messages = [
            messaging.Message(
                token=f"bench-{number}-" + "x" * 140,
                notification=messaging.Notification("News", "Something happened"),
            )
            for number in range(count)
        ]
        started, cpu = time.perf_counter(), time.process_time()
        accepted = 0
        for first in range(0, count, _A_CALL):
            accepted += messaging.send_each(messages[first : first + _A_CALL], app=app).success_count
        measured = Measured(time.perf_counter() - started, time.process_time() - cpu, accepted)
    finally:
        firebase_admin.delete_app(app)
    if accepted != count:
        raise RuntimeError(f"send_each: {accepted} of {count} accepted")
    return measured
