"""The autoscalers' numbers, worked out from the code's own constants and what was measured: docs/autoscaling.md in code."""

from dataclasses import dataclass
from math import ceil, floor

from fanfare_api.apps.schemas import DEFAULT_QUOTA_PER_MINUTE
from fanfare_orchestrator.campaigns.dispatch import MAX_BATCHES, MIN_BATCHES
from fanfare_orchestrator.campaigns.planning.sizes import TURN_SECONDS, batch_size
from fanfare_orchestrator.settings import OrchestratorSettings
from fanfare_push_worker.settings import PushWorkerSettings

PROJECTS = 1
"""Firebase projects that send at their full quota at the same time."""
LATENCY_SECONDS = 0.08
"""FCM's, as docs/performance.md has it."""
OF_THE_WINDOW = 0.93
"""What a process reaches of window ÷ latency: docs/performance.md, two connections."""
UPLOADS_PER_SECOND = 60
"""Images that people upload at the same time and wait for."""
IMAGE_SECONDS = 0.2
"""An upload's image with the variants of a preset, with room to docs/performance.md's 0.06 to 0.1 s of CPU."""
PATIENCE_SECONDS = 1
"""How long an upload may wait for its turn."""
HINT_SECONDS = 0.05
"""A planned window or a settled batch: 0.3 s of the ledger for a million devices, in ten windows, and the round trips."""
HINT_PATIENCE_SECONDS = 0.5
WEBHOOK_PATIENCE_SECONDS = 60
"""How long a webhook may wait while every one before it takes its whole time-out."""
HEAVY_MEMORY_GIB = 12
"""Memory for images whose decoding takes much."""
FILE_WRITERS = 4
"""Transactions of thousands of rows that the ledger is given at a time, beside everything else."""
RESERVED_CONNECTIONS = 16
"""superuser_reserved_connections, the operator's, the exporter's, and somebody with psql."""


@dataclass(frozen=True)
class Limits:
    """Replicas, and how many messages of each queue make one."""

    least: int
    most: int
    target: dict[str, int]


def push(least: int, *, concurrency: int, window: int, queue: str) -> Limits:
    """Enough processes for the quota; the target so that a full cap of messages asks for all of them."""
    defaults = PushWorkerSettings.model_fields
    per_second = DEFAULT_QUOTA_PER_MINUTE / 60
    size = batch_size(defaults["push_batch_size"].default, DEFAULT_QUOTA_PER_MINUTE, None)
    cap = PROJECTS * min(MAX_BATCHES, max(MIN_BATCHES, floor(per_second * TURN_SECONDS / size)))
    most = ceil(PROJECTS * per_second / (concurrency * window / LATENCY_SECONDS * OF_THE_WINDOW))
    return Limits(least, most, {queue: floor(cap / most)})


def lane(queue: str, *, concurrency: int, most: int | None = None) -> Limits:
    """A batch in each child's hands and one behind it; more replicas than that makes of the lane's cap would idle."""
    target = 2 * concurrency
    of_the_cap = OrchestratorSettings.model_fields["image_lane_batches"].default // target
    return Limits(1, of_the_cap if most is None else min(most, of_the_cap), {queue: target})


def heavy(memory_limit_gib: float) -> Limits:
    return lane("images.heavy", concurrency=1, most=floor(HEAVY_MEMORY_GIB / memory_limit_gib))


def interactive(concurrency: int) -> Limits:
    most = ceil(UPLOADS_PER_SECOND * IMAGE_SECONDS / concurrency)
    return Limits(2, most, {"images.interactive": floor(concurrency * PATIENCE_SECONDS / IMAGE_SECONDS)})


def orchestrator(concurrency: int) -> Limits:
    """Two, so that the clock is never gone; a hint waits half a second at most, a webhook a minute."""
    hints = floor(concurrency * HINT_PATIENCE_SECONDS / HINT_SECONDS)
    time_out = OrchestratorSettings.model_fields["webhook_timeout_seconds"].default
    slow = max(2, concurrency)
    return Limits(2, 4, dict.fromkeys(("campaigns", "push.results", "image.jobs", "images.results"), hints) | {
        "notifications": floor(slow * WEBHOOK_PATIENCE_SECONDS / time_out)
    })  # fmt: skip


def orchestrators_connections(concurrency: int) -> int:
    """To the ledger: the worker's children, the sweep, the consumer of `dead`, and the children for slow work."""
    return concurrency + 1 + 1 + max(2, concurrency)
