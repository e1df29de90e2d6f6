"""The names of the queues. `deploy/rabbitmq/definitions.json` declares them; a test holds the two together."""

from enum import StrEnum

from fanfare_shared.contracts.words import Lane, Priority


class Queue(StrEnum):
    """Every queue of the fleet. Nothing but `definitions.json` declares one."""

    CAMPAIGNS = "campaigns"
    PUSH_HIGH = "push.high"
    PUSH_NORMAL = "push.normal"
    PUSH_LOW = "push.low"
    PUSH_RESULTS = "push.results"
    IMAGE_JOBS = "image.jobs"
    IMAGES_INTERACTIVE = "images.interactive"
    IMAGES_BULK = "images.bulk"
    IMAGES_HEAVY = "images.heavy"
    FILES_BULK = "files.bulk"
    IMAGES_RESULTS = "images.results"
    NOTIFICATIONS = "notifications"
    MAINTENANCE = "maintenance"
    DEAD = "dead"

    @classmethod
    def for_push(cls, priority: Priority) -> "Queue":
        return cls(f"push.{priority}")

    @classmethod
    def for_images(cls, lane: Lane) -> "Queue":
        return cls(lane.value)
