"""The same batch message delivered five times at once: one send."""

import signal
from uuid import UUID

from chaos.matrix import Matrix
from chaos.trial import Trial
from chaos.workers import WORKERS
from fanfare_shared.contracts.messages import SendBatch
from fanfare_shared.contracts.words import Priority
from fanfare_shared.testing.brokers import QueueReader
from fanfare_shared.worker.app import make_app
from fanfare_shared.worker.publisher import Publisher
from harness.fleet import Fleet

_DEVICES = 500


def test_a_batch_whose_message_comes_five_times_at_once_is_sent_once(fleet: Fleet, matrix: Matrix) -> None:
    trial = Trial(fleet, _DEVICES)
    for worker in WORKERS:
        fleet.processes[worker].signal_group(signal.SIGSTOP)
    try:
        trial.send()
        trial.wait_until("the batch is published", lambda: len(_published(trial)) == 1)
        message = SendBatch(
            batch_id=_published(trial)[0], campaign_id=UUID(trial.campaign_id), priority=Priority.NORMAL
        )
        publisher = Publisher(make_app("chaos", fleet.broker))
        for _ in range(4):
            publisher.publish(message)
    finally:
        for worker in WORKERS:
            fleet.processes[worker].signal_group(signal.SIGCONT)
    account = trial.wait_for_end()
    with QueueReader(fleet.broker) as reader:
        trial.wait_until("every repetition is taken", lambda: reader.depth(message.queue) == 0)
    matrix.add("a batch's message delivered five times", account)
    assert account.accepted == _DEVICES
    assert fleet.simulator.counts().received == _DEVICES
    assert trial.many("SELECT epoch FROM batches WHERE campaign_id = %s") == [(1,)]


def _published(trial: Trial) -> list[int]:
    rows = trial.many("SELECT id FROM batches WHERE campaign_id = %s AND status = 'published'")
    return [batch_id for (batch_id,) in rows]
