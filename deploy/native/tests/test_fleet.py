"""The whole fleet, as `make up` starts it."""

import httpx
import pytest

from fanfare_native import processes, settings, stack
from fanfare_native.layout import Layout
from fanfare_native.supervisor import State, Supervisor


@pytest.mark.long
@pytest.mark.timeout(300)
def test_fleet_is_ready_when_up_returns_and_its_key_outlives_it(layout: Layout) -> None:
    found = stack.up(layout)

    assert settings.read(layout.env_file) == found
    states = {name: info["state"] for name, info in Supervisor(layout).processes().items()}
    assert states.pop("migrate") == State.EXITED
    assert set(states.values()) == {State.RUNNING}
    with httpx.Client(
        base_url=found["FANFARE_API_URL"], headers={"Authorization": f"Bearer {found['FANFARE_API_KEY']}"}
    ) as api:
        assert api.get("/readyz").json()["status"] == "ready"
        assert api.get("/v1/api-keys").status_code == httpx.codes.OK

    stack.down(layout)

    assert processes.marked(layout) == []
    assert stack.up(layout)["FANFARE_API_KEY"] == found["FANFARE_API_KEY"]
