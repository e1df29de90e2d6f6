"""The autoscaler's loop: every sync it reads its metrics, decides, and has pods started and stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from rehearsal.autoscaler import Autoscaler, Decision
from rehearsal.external_metrics import ExternalMetrics
from rehearsal.manifests import Rendered
from rehearsal.pods import Pods

SYNC_SECONDS = 15.0
"""kube-controller-manager's --horizontal-pod-autoscaler-sync-period."""
_LOOK_SECONDS = 0.2


class Sync(NamedTuple):
    """`at`: epoch seconds."""

    at: float
    readings: list[float | None]
    replicas_before: int
    decision: Decision


@dataclass
class Loop:
    """One autoscaler on the pods of its Deployment."""

    rendered: Rendered
    metrics: ExternalMetrics
    pods: Pods
    sync_seconds: float = SYNC_SECONDS
    report: Callable[[Sync], None] = lambda _: None
    syncs: list[Sync] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._autoscaler = Autoscaler(self.rendered.autoscaler)
        self._next = time.monotonic()

    def run_until(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        """Syncs in its period until `holds()`. TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not holds():
            now = time.monotonic()
            if now > deadline:
                raise TimeoutError(f"not within {seconds:g} s: {what}; the last sync: {self.syncs[-1:]}")
            if now >= self._next:
                self.sync()
                # From its end on, as the controller's queue counts: a policy's period of the same length is over by then.
                self._next = time.monotonic() + self.sync_seconds
            time.sleep(_LOOK_SECONDS)

    def sync(self) -> None:
        self.pods.check()
        before = self.pods.replicas
        readings = self.readings()
        decision = self._autoscaler.sync(before, readings, time.monotonic())
        self.pods.scale(decision.replicas)
        self.syncs.append(Sync(time.time(), readings, before, decision))
        self.report(self.syncs[-1])

    def readings(self) -> list[float | None]:
        """Each metric's total, as the adapter gives it."""
        return [self.metrics.total(*asked) for asked in self._asked()]

    def queries(self) -> list[str | None]:
        """What the adapter asks Prometheus for each metric."""
        return [self.metrics.query(*asked) for asked in self._asked()]

    def _asked(self) -> list[tuple[str, str, dict[str, str]]]:
        identifiers = [metric.external.metric for metric in self.rendered.autoscaler.metrics]
        return [(each.name, self.rendered.namespace, each.selector.match_labels) for each in identifiers]
