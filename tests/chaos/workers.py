"""Catching a push-worker in the act, and stopping or killing it there."""

import signal

from chaos.trial import CHUNK, WINDOW, Trial
from fanfare_shared.campaigns.claims import unaccounted_positions
from fanfare_shared.testing.polling import until

WORKERS = ("push-worker-1", "push-worker-2", "push-worker-3")
WORKER_QUEUE = "normal"
_IN_THE_MIDDLE = f"""
SELECT id FROM batches WHERE campaign_id = %s AND status = 'leased' AND size - started > {CHUNK}
"""


def catch_sending(trial: Trial, worker: str, seconds: float = 150) -> int:
    """The batch that this worker is in the middle of: it has just advanced, and more than a chunk is left to send."""
    looks: dict[int, int] = {}

    def look() -> int | None:
        pids = trial.fleet.processes[worker].pids
        for batch_id, owner, started, size in trial.many(
            "SELECT id, worker, started, size FROM batches WHERE campaign_id = %s AND status = 'leased'"
        ):
            if int(owner.rpartition(":")[2]) not in pids:
                continue
            before = looks.get(batch_id, started)
            looks[batch_id] = started
            if started > before and size - started > CHUNK:
                return int(batch_id)
        return None

    return until(f"{worker} is sending", look, seconds, every=0.01)


def stop_sending(trial: Trial, worker: str) -> int:
    """SIGSTOP to the worker's whole process group in the middle of a batch, whose id it gives."""
    process = trial.fleet.processes[worker]
    while True:
        batch_id = catch_sending(trial, worker)
        process.signal_group(signal.SIGSTOP)
        # It may have gone on since it was caught. The statement it waits for, if any, advances by one chunk at most.
        if (batch_id,) in trial.many(_IN_THE_MIDDLE):
            return batch_id
        process.signal_group(signal.SIGCONT)


def kill_sending(trial: Trial, worker: str) -> None:
    """SIGKILL to the worker's whole process group in the middle of a batch."""
    batch_id = stop_sending(trial, worker)
    trial.fleet.processes[worker].kill()
    with trial.ledger.transaction() as connection:
        in_flight = len(unaccounted_positions(connection, batch_id))
    assert 0 < in_flight <= WINDOW, "the kill found sends in flight, and no more than the window"
