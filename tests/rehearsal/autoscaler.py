"""Kubernetes' horizontal pod autoscaling, as a pure function of readings and time.

After the published algorithm (kubernetes.io, "Horizontal Pod Autoscaling", and kube-controller-manager's
`pkg/controller/podautoscaler` of 1.33): the metrics' proposals, stabilisation, then the policies' limits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rehearsal.specification import HorizontalPodAutoscaler, Metric, Rules


class _Event(NamedTuple):
    """So many replicas recommended, added or removed."""

    at: float
    replicas: int


@dataclass(frozen=True)
class Decision:
    """What one sync decided. `proposed` is what the metrics ask for, None where they cannot be relied on."""

    replicas: int
    proposed: int | None
    reason: str


class Autoscaler:
    """One HorizontalPodAutoscaler's controller. Times are seconds of any monotonic clock."""

    def __init__(self, spec: HorizontalPodAutoscaler) -> None:
        self.spec = spec
        self._recommendations: list[_Event] = []
        self._ups: list[_Event] = []
        self._downs: list[_Event] = []

    def sync(self, current: int, readings: Sequence[float | None], now: float) -> Decision:
        """How many replicas there shall be, of `current`. `readings` are the metrics' totals, None for one that is missing."""
        if not self._recommendations:
            self._recommendations.append(_Event(now, current))
        decision = self._decide(current, readings, now)
        change = decision.replicas - current
        if change > 0:
            self._ups.append(_Event(now, change))
        elif change < 0:
            self._downs.append(_Event(now, -change))
        self._forget(now)
        return decision

    def _decide(self, current: int, readings: Sequence[float | None], now: float) -> Decision:
        if current == 0:
            return Decision(0, None, "ScalingDisabled")
        if current > self.spec.max_replicas:
            return Decision(self.spec.max_replicas, None, "TooManyReplicas")
        if current < self.spec.min_replicas:
            return Decision(self.spec.min_replicas, None, "TooFewReplicas")
        proposed = self._proposed(current, readings)
        if proposed is None:
            return Decision(current, None, "FailedGetExternalMetric")
        stabilized = self._stabilized(current, proposed, now)
        replicas, reason = self._limited(current, stabilized, now)
        if reason == "DesiredWithinRange" and stabilized != proposed:
            reason = "ScaleDownStabilized" if stabilized > proposed else "ScaleUpStabilized"
        return Decision(replicas, proposed, reason)

    def _proposed(self, current: int, readings: Sequence[float | None]) -> int | None:
        """The largest of the metrics' proposals. With one missing, the rest may scale up, and never down."""
        proposals = [
            self._replicas_for(metric, current, reading)
            for metric, reading in zip(self.spec.metrics, readings, strict=True)
            if reading is not None
        ]
        if not proposals or (len(proposals) < len(readings) and max(proposals) < current):
            return None
        return max(proposals)

    def _replicas_for(self, metric: Metric, current: int, total: float) -> int:
        """`ceil(total / target)`, unless what each of the present replicas has is within the tolerance of the target."""
        target = float(metric.external.target.average_value)
        ratio = total / (target * current)
        behavior = self.spec.behavior
        if 1 - behavior.scale_down.tolerance <= ratio <= 1 + behavior.scale_up.tolerance:
            return current
        return math.ceil(total / target)

    def _stabilized(self, current: int, proposed: int, now: float) -> int:
        """No more than the least recommended in the window for scaling up, no less than the most in that for scaling down."""
        behavior = self.spec.behavior
        up = min([proposed, *self._recommended_since(now - behavior.scale_up.stabilization_window_seconds)])
        down = max([proposed, *self._recommended_since(now - behavior.scale_down.stabilization_window_seconds)])
        self._recommendations.append(_Event(now, proposed))
        return min(max(current, up), down)

    def _recommended_since(self, start: float) -> list[int]:
        return [recommendation.replicas for recommendation in self._recommendations if recommendation.at > start]

    def _limited(self, current: int, wanted: int, now: float) -> tuple[int, str]:
        if wanted > current:
            limit = max(current, self._up_limit(current, now))
            most, reason = min(
                (self.spec.max_replicas, "TooManyReplicas"), (limit, "ScaleUpLimit"), key=lambda bound: bound[0]
            )
            return (most, reason) if wanted > most else (wanted, "DesiredWithinRange")
        if wanted < current:
            limit = min(current, self._down_limit(current, now))
            least, reason = max(
                (self.spec.min_replicas, "TooFewReplicas"), (limit, "ScaleDownLimit"), key=lambda bound: bound[0]
            )
            return (least, reason) if wanted < least else (wanted, "DesiredWithinRange")
        return wanted, "DesiredWithinRange"

    def _up_limit(self, current: int, now: float) -> int:
        rules = self.spec.behavior.scale_up
        limits = []
        for policy in rules.policies:
            start = self._replicas_at_start(current, now - policy.period_seconds)
            # Rounded up, lest one replica never become two; in floating point, as Kubernetes does it.
            limits.append(
                start + policy.value if policy.type == "Pods" else math.ceil(start * (1 + policy.value / 100))
            )
        return _selected(rules, current, limits, least_change=min, most_change=max)

    def _down_limit(self, current: int, now: float) -> int:
        rules = self.spec.behavior.scale_down
        limits = []
        for policy in rules.policies:
            start = self._replicas_at_start(current, now - policy.period_seconds)
            # Rounded down, so that a quarter off two leaves one.
            limits.append(start - policy.value if policy.type == "Pods" else int(start * (1 - policy.value / 100)))
        return _selected(rules, current, limits, least_change=max, most_change=min)

    def _replicas_at_start(self, current: int, start: float) -> int:
        added = sum(change.replicas for change in self._ups if change.at > start)
        removed = sum(change.replicas for change in self._downs if change.at > start)
        return current - added + removed

    def _forget(self, now: float) -> None:
        """What no window or period reaches back to."""
        behavior = self.spec.behavior
        for rules, changes in ((behavior.scale_up, self._ups), (behavior.scale_down, self._downs)):
            longest = max(policy.period_seconds for policy in rules.policies)
            changes[:] = [change for change in changes if change.at > now - longest]
        longest = max(behavior.scale_up.stabilization_window_seconds, behavior.scale_down.stabilization_window_seconds)
        kept = [recommendation for recommendation in self._recommendations if recommendation.at >= now - longest]
        self._recommendations = kept


def _selected(
    rules: Rules,
    current: int,
    limits: Sequence[int],
    *,
    least_change: Callable[[Sequence[int]], int],
    most_change: Callable[[Sequence[int]], int],
) -> int:
    if rules.select_policy == "Disabled":
        return current
    return (least_change if rules.select_policy == "Min" else most_change)(limits)
