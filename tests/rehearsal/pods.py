"""A Deployment's pods as processes of this machine: started as its container is, stopped as a kubelet stops it."""

import math
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

from harness.fleet import Fleet
from harness.processes import Process
from rehearsal.container import Container

_MOST_AT_ONCE = 64


class Moment(NamedTuple):
    """From `at` (epoch seconds) on: `replicas` are wanted, `ready` take messages, `stopping` have had their SIGTERM."""

    at: float
    replicas: int
    ready: int
    stopping: int


class Stop(NamedTuple):
    """How a pod ended, `seconds` after its SIGTERM; `status` None: it was killed when its grace was over.

    `sending`: the SIGTERM came while it had a batch.
    """

    pod: str
    sending: bool
    seconds: float
    status: int | None


@dataclass(eq=False)
class Pod:
    """`ready_at`: monotonic seconds; None while it starts."""

    name: str
    uid: str = field(default_factory=lambda: uuid.uuid4().hex)
    ready_at: float | None = None


def deletion_order(pods: Sequence[Pod], now: float) -> list[Pod]:
    """Which goes first when a ReplicaSet scales down: one that is not ready, then the one that is so for the shortest time.

    Times count by powers of two, and among pods of one age chance decides, as in Kubernetes' `ActivePodsWithRanks` with
    LogarithmicScaleDown. Its other criteria (phase, deletion cost, pods on one node, restarts) are equal here.
    """

    def rank(pod: Pod) -> tuple[int, int, str]:
        if pod.ready_at is None:
            return 0, 0, pod.uid
        nanoseconds = (now - pod.ready_at) * 1e9
        return 1, int(math.log2(nanoseconds)) if nanoseconds >= 1 else -1, pod.uid

    return sorted(pods, key=rank)


class Pods(AbstractContextManager["Pods"]):
    """Of one Deployment. Leaving the context waits for what is starting or stopping.

    `sends` says whether a worker's process has a batch.
    """

    def __init__(self, fleet: Fleet, container: Container, sends: Callable[[Process], bool]) -> None:
        self._fleet = fleet
        self._container = container
        self._sends = sends
        self._pods: list[Pod] = []
        self._stopping = 0
        self._lock = threading.RLock()
        self._executor = ThreadPoolExecutor(_MOST_AT_ONCE)
        self._started: dict[str, Future[None]] = {}
        self._stopped: list[Future[None]] = []
        self._numbers = 0
        self.moments: list[Moment] = []
        self.stops: list[Stop] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True)

    @property
    def replicas(self) -> int:
        return len(self._pods)

    @property
    def settled(self) -> bool:
        """Whether every pod that is wanted is ready, and every other one gone."""
        with self._lock:
            return not self._stopping and all(pod.ready_at is not None for pod in self._pods)

    def check(self) -> None:
        """Raises what starting or stopping raised, and RuntimeError for a pod that ended by itself."""
        for done in [future for future in (*self._started.values(), *self._stopped) if future.done()]:
            done.result()
        for pod in self._pods:
            process = self._fleet.processes.get(pod.name)
            if process is not None and not process.alive:
                raise RuntimeError(f"{pod.name} ended by itself:\n{process.tail()}")

    def scale(self, replicas: int) -> None:
        """Begins to start or to stop as many as it takes."""
        with self._lock:
            for pod in deletion_order(self._pods, time.monotonic())[: max(0, len(self._pods) - replicas)]:
                self._pods.remove(pod)
                self._stopping += 1
                self._stopped.append(self._executor.submit(self._stop, pod))
            while len(self._pods) < replicas:
                self._numbers += 1
                pod = Pod(f"{self._container.deployment}-{self._numbers}")
                self._pods.append(pod)
                self._started[pod.name] = self._executor.submit(self._start, pod)
            self._note()

    def _start(self, pod: Pod) -> None:
        self._container.start(self._fleet, pod.name)
        with self._lock:
            pod.ready_at = time.monotonic()
            self._note()

    def _stop(self, pod: Pod) -> None:
        # Once it has started: before its handlers are there a SIGTERM would end it here, and not in a container, whose
        # first process is spared.
        self._started[pod.name].result()
        process = self._fleet.processes[pod.name]
        sending = self._sends(process)
        began = time.monotonic()
        status: int | None = None
        with suppress(subprocess.TimeoutExpired):
            status = process.stop(self._container.grace_seconds)
        with self._lock:
            self.stops.append(Stop(pod.name, sending, time.monotonic() - began, status))
            self._stopping -= 1
            self._note()

    def _note(self) -> None:
        ready = sum(pod.ready_at is not None for pod in self._pods)
        moment = Moment(time.time(), len(self._pods), ready, self._stopping)
        if not self.moments or self.moments[-1]._replace(at=moment.at) != moment:
            self.moments.append(moment)
