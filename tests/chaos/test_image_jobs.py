"""Image-workers and the orchestrator killed, and every hint lost, in the middle of an image job.

It ends by itself: each image has one outcome and all its variants, and the account adds up.
"""

from itertools import count, cycle, islice

import pytest

from chaos.image_trial import WORKERS, ImageTrial
from fanfare_shared.contracts.queues import Queue
from fanfare_shared.testing.brokers import QueueReader
from harness.fleet import Fleet

_QUEUES = (Queue.IMAGE_JOBS, Queue.IMAGES_INTERACTIVE, Queue.IMAGES_BULK, Queue.IMAGES_HEAVY, Queue.IMAGES_RESULTS)
_numbers = count(1)


def begun(fleet: Fleet, photos: int) -> ImageTrial:
    trial = ImageTrial(fleet, next(_numbers), photos)
    trial.upload()
    return trial


def test_a_worker_and_the_orchestrator_are_killed_at_once_and_no_image_is_missed(image_fleet: Fleet) -> None:
    """The short form."""
    trial = begun(image_fleet, 120)
    killed = trial.stop_working()
    image_fleet.processes["orchestrator"].kill()
    image_fleet.processes[killed].kill()
    image_fleet.restart(killed)
    image_fleet.restart("orchestrator")
    trial.check_end()
    attempts = trial.attempts()
    assert attempts.keys() <= {1, 2}
    assert attempts[2] <= 1, "only what the killed process was working on was begun again"


def test_every_hint_is_lost_and_the_sweep_alone_completes_the_job(image_fleet: Fleet) -> None:
    trial = begun(image_fleet, 120)
    stopped = trial.stop_working()
    consumers = [*WORKERS, "orchestrator"]
    for name in [stopped, *(name for name in consumers if name != stopped)]:
        image_fleet.processes[name].kill()
    with QueueReader(image_fleet.broker) as reader:
        for queue in _QUEUES:
            reader.empty(queue)
    trial.hurry()
    for name in consumers:
        image_fleet.restart(name)
    trial.check_end()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_workers_are_killed_ten_times_in_600_photos_and_none_is_missed(image_fleet: Fleet) -> None:
    trial = begun(image_fleet, 600)
    for _ in islice(cycle(WORKERS), 10):
        killed = trial.stop_working()
        image_fleet.processes[killed].kill()
        image_fleet.restart(killed)
        image_fleet.wait_until_connected(killed)
    trial.check_end()
    attempts = trial.attempts()
    assert sum(times * images for times, images in attempts.items()) <= 600 + 10
