"""The whole fleet, as `make up` starts it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from fanfare_native import fleet, processes, settings, stack
from fanfare_native.context import Context
from fanfare_native.credentials import Credentials
from fanfare_native.layout import Layout
from fanfare_native.ports import Ports
from fanfare_native.supervisor import State, Supervisor
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.contracts.words import Lane, Priority
from fanfare_shared.testing.polling import until

_PERMISSIONS = Path(__file__).resolve().parents[2] / "rabbitmq" / "permissions.json"
_WORKER_QUEUES = {*(Queue.for_push(priority) for priority in Priority), *(Queue.for_images(lane) for lane in Lane)}


def context_of(tmp_path: Path, **given: str) -> Context:
    (tmp_path / ".run").mkdir()
    return Context(
        layout=Layout(tmp_path),
        ports=Ports(tmp_path / "ports.json"),
        credentials=Credentials(tmp_path / "secrets.json"),
        given=given,
    )


def test_each_queue_of_a_worker_has_a_part_of_its_own_whose_user_may_read_it(tmp_path: Path) -> None:
    consumed = {
        part.environment["FANFARE_WORKER_QUEUES"]: part.name.rpartition("-")[0]
        for part in fleet.parts(context_of(tmp_path))
        if "FANFARE_WORKER_QUEUES" in part.environment
    }
    assert consumed.keys() == {queue.value for queue in _WORKER_QUEUES}
    permissions = json.loads(_PERMISSIONS.read_text())["permissions"]
    readable = {permission["user"]: permission["read"] for permission in permissions}
    for queue, service in consumed.items():
        assert re.search(readable[service], queue), f"{service} may not read {queue}"


def test_a_service_has_a_role_of_its_own_and_the_migration_alone_is_the_owner(tmp_path: Path) -> None:
    roles = {
        part.name: urlsplit(part.environment["FANFARE_DATABASE_URL"]).username
        for part in fleet.parts(context_of(tmp_path))
        if "FANFARE_DATABASE_URL" in part.environment
    }
    assert roles.pop("migrate") == "fanfare"
    assert roles.pop("api") == "fanfare_api"
    assert roles.pop("orchestrator") == "fanfare_orchestrator"
    assert {name: role for name, role in roles.items() if name.startswith("push-worker-")} == dict.fromkeys(
        ("push-worker-high", "push-worker-normal", "push-worker-low"), "fanfare_push_worker"
    )
    assert {role for name, role in roles.items() if name.startswith("image-worker-")} == {"fanfare_image_worker"}


def test_a_worker_has_as_many_children_as_its_queue_s_setting_says(tmp_path: Path) -> None:
    given = {"FANFARE_FILES_BULK_CONCURRENCY": "5"}
    parts = {part.name: part.environment for part in fleet.parts(context_of(tmp_path, **given))}
    assert parts["image-worker-files"]["FANFARE_WORKER_CONCURRENCY"] == "5"
    assert parts["image-worker-bulk"]["FANFARE_WORKER_CONCURRENCY"] == "2"


@pytest.mark.parametrize("monitored", [False, True])
def test_workers_obey_a_monitor_only_where_it_is_wanted(tmp_path: Path, monitored: bool) -> None:
    context = replace(context_of(tmp_path), monitored=monitored)
    parts = {part.name: part.environment for part in fleet.parts(context)}
    for worker in ("orchestrator", "push-worker-high", "image-worker-files"):
        assert ("FANFARE_WORKER_REMOTE_CONTROL" in parts[worker]) is monitored
    assert urlsplit(parts["flower"]["CELERY_BROKER_URL"]).username == "flower"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_fleet_is_ready_when_up_returns_and_its_key_outlives_it(layout: Layout) -> None:
    found = stack.up(layout)

    assert settings.read(layout.env_file) == found
    states = {name: info["state"] for name, info in Supervisor(layout).processes().items()}
    assert states.pop("migrate") == State.EXITED
    assert states.pop("flower") == State.STOPPED
    assert set(states.values()) == {State.RUNNING}
    with httpx.Client(
        base_url=found["FANFARE_API_URL"], headers={"Authorization": f"Bearer {found['FANFARE_API_KEY']}"}
    ) as api:
        assert api.get("/readyz").json()["status"] == "ready"
        assert api.get("/v1/api-keys").status_code == httpx.codes.OK

    stack.down(layout)

    assert processes.marked(layout) == []
    assert stack.up(layout)["FANFARE_API_KEY"] == found["FANFARE_API_KEY"]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_flower_sees_every_worker_and_stays_until_down(layout: Layout) -> None:
    stack.up(layout, with_flower=True)
    stack.up(layout)
    port = json.loads((layout.run / "ports.json").read_text())["flower"]
    password = json.loads((layout.run / "secrets.json").read_text())["flower"]
    workers = {name for name in Supervisor(layout).processes() if name == "orchestrator" or "-worker-" in name}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
        assert client.get("/").status_code == httpx.codes.UNAUTHORIZED

        def seen() -> bool:
            answer = client.get("/api/workers", params={"refresh": 1}, auth=("fanfare", password))
            return workers <= {name.partition("@")[0] for name in answer.raise_for_status().json()}

        until("Flower sees every worker", seen, 120)

    stack.down(layout)

    assert processes.marked(layout) == []
