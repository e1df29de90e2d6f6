"""Devices registered, deleted and imported again while a campaign runs."""

from chaos.matrix import Matrix
from chaos.trial import LATENCY_MS, Trial
from harness.fleet import Fleet

_DEVICES, _DEAD, _DELETED, _NEW = 3_000, 20, 60, 50


def test_devices_that_change_meanwhile_are_accounted_for_as_they_were_when_their_turn_came(
    fleet: Fleet, matrix: Matrix
) -> None:
    trial = Trial(fleet, _DEVICES)
    dead = set(trial.tokens[:: _DEVICES // _DEAD])
    # A batch takes 15 s at first, so that one is still waiting when its devices are deleted.
    fleet.simulator.change_script(tokens={token: ["unregistered"] for token in dead}, latency={"ms": 3_000})
    trial.send(rate_per_second=500)
    trial.wait_until("it is planned", lambda: trial.one(_PLANNED)[0] == 1)

    deleted = _tokens_that_wait(trial, dead)[:_DELETED]
    for token in deleted:
        fleet.client.http.delete("/v1/devices", params={"app_id": trial.app_id, "user_id": _user_of(trial, token)})
    imported_again, new = deleted[: _DELETED // 2], [f"{trial.project}-new-{number}" for number in range(_NEW)]
    fleet.client.import_devices(trial.app_id, [*imported_again, *new])
    trial.wait_until("FCM has called some tokens dead", lambda: trial.many(_UNREGISTERED))
    registered_again = {token for (token,) in trial.many(_UNREGISTERED)}
    fleet.client.import_devices(trial.app_id, registered_again)
    assert trial.one("SELECT status FROM campaigns WHERE id = %s") == ("processing",)
    fleet.simulator.change_script(latency={"ms": LATENCY_MS})

    account = trial.wait_for_end()
    matrix.add("devices deleted and imported again", account)
    assert account.devices == _DEVICES
    assert account.accepted == _DEVICES - _DEAD - _DELETED
    assert account.stats["errors"] == {"UNREGISTERED": _DEAD, "DEVICE_GONE": _DELETED}
    assert fleet.simulator.missing([*deleted, *new]).total == _DELETED + _NEW
    trial.wait_until("the dead devices are inactive", lambda: _inactive(trial))
    trial.wait_until("the sweep is through", lambda: trial.one(_DEACTIVATED)[0])
    assert _inactive(trial) == dead - registered_again


_PLANNED = "SELECT count(planned_at) FROM campaign_plans WHERE campaign_id = %s"
_UNREGISTERED = """
SELECT d.token FROM deliveries l JOIN devices d ON d.id = l.device_id
WHERE l.campaign_id = %s AND l.error_code = 'UNREGISTERED'
"""
_DEACTIVATED = "SELECT deactivate_due_at IS NULL FROM campaigns WHERE id = %s"


def _tokens_that_wait(trial: Trial, dead: set[str]) -> list[str]:
    """Living devices of a batch that is not even published yet."""
    (device_ids,) = trial.one(
        "SELECT device_ids FROM batches WHERE campaign_id = %s AND status = 'ready' ORDER BY id DESC LIMIT 1"
    )
    with trial.ledger.statement() as connection:
        rows = connection.execute("SELECT token FROM devices WHERE id = ANY(%s)", (device_ids,)).fetchall()
    return [token for (token,) in rows if token not in dead]


def _user_of(trial: Trial, token: str) -> str:
    return f"user-{token.removeprefix(f'{trial.project}-')}"


def _inactive(trial: Trial) -> set[str]:
    rows = trial.many(
        "SELECT d.token FROM devices d JOIN campaigns c ON c.app_id = d.app_id WHERE c.id = %s AND NOT d.is_active"
    )
    return {token for (token,) in rows}
