"""An image job's end reaches its owner: a webhook signed with the job's own secret, and an e-mail."""

import json
from typing import Any

from fanfare_orchestrator.bulk.planning import plan_turn
from fanfare_orchestrator.bulk.settle import settle
from fanfare_orchestrator.images.steps import IMAGE_JOB_STEPS
from fanfare_orchestrator.notifications.signing import sign
from fanfare_shared.ids import uuid7


def cancelled_job(office: Any, **columns: Any) -> dict[str, Any]:
    """The one notification of a job over three images that was cancelled before the first."""
    office.execute(
        "INSERT INTO originals (id, digest, key, size, media_type) VALUES (gen_random_uuid(), 'x', 'x', 1, 'image/jpeg')"
    )
    office.execute(
        "INSERT INTO images (id, original_id, name, status, created_by)"
        " SELECT gen_random_uuid(), id, 'photo', 'ready', 'test' FROM originals, generate_series(1, 3)"
    )
    values: dict[str, Any] = {
        "id": uuid7(),
        "operation": "move",
        "target": '{"all": true}',
        "lane": "files.bulk",
    } | columns
    office.execute(
        f"INSERT INTO image_jobs ({', '.join(values)}, status, created_by)"
        f" VALUES ({', '.join(['%s'] * len(values))}, 'processing', 'test')",
        *values.values(),
    )
    plan_turn(office.context, IMAGE_JOB_STEPS, values["id"])
    office.execute("UPDATE image_jobs SET status = 'cancelling'")
    assert settle(office.context, IMAGE_JOB_STEPS, values["id"]) == "cancelled"
    (notification,) = office.rows("SELECT id, job_id FROM notifications")
    assert notification["job_id"] == values["id"]
    return dict(notification)


def test_a_webhook_is_signed_with_the_jobs_own_secret(desk: Any, office: Any, receiver: Any) -> None:
    secret = "the job's own secret"
    made = cancelled_job(office, webhook_url=receiver.url(), webhook_secret_encrypted=desk.seal(secret))
    assert desk.deliver(made["id"])["status"] == "SUCCESS"
    ((_, headers, body),) = receiver.requests
    account = json.loads(body)
    assert headers["Fanfare-Event"] == account["event"] == "image_job.cancelled"
    assert (account["job_id"], account["operation"]) == (str(made["job_id"]), "move")
    assert [account[name] for name in ("total", "succeeded", "failed", "cancelled")] == [3, 0, 0, 3]
    timestamp = int(headers["Fanfare-Signature"].removeprefix("t=").split(",")[0])
    assert headers["Fanfare-Signature"] == sign(secret, body, timestamp)


def test_an_email_tells_the_account(desk: Any, office: Any, mail_server: Any) -> None:
    made = cancelled_job(office, notify_email="owner@example.com")
    with mail_server() as (server, port):
        assert desk.deliver(made["id"], smtp_url=f"smtp://127.0.0.1:{port}")["status"] == "SUCCESS"
    (message,) = server.messages
    assert message["Subject"] == "Image job “move” was cancelled"
    lines = [line.split() for line in message.get_content().splitlines()]
    assert ["Images:", "3"] in lines
    assert ["Cancelled", "before", "its", "turn:", "3"] in lines
