"""The algorithm on the examples of Kubernetes' documentation and of KEP-853, and on what ours depends on."""

from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from rehearsal.autoscaler import Autoscaler
from rehearsal.specification import HorizontalPodAutoscaler

SYNC_SECONDS = 15
FAST = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 1000, "periodSeconds": 1}]}
AT_ONCE = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]}


def metric(target: str = "10", name: str = "depth") -> dict[str, Any]:
    value = {"type": "AverageValue", "averageValue": target}
    return {"type": "External", "external": {"metric": {"name": name}, "target": value}}


def autoscaler(
    *,
    up: dict[str, Any] | None = None,
    down: dict[str, Any] | None = None,
    least: int = 1,
    most: int = 1000,
    metrics: tuple[dict[str, Any], ...] = (),
) -> Autoscaler:
    """Without limits to its speed unless some are given."""
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": list(metrics) or [metric()],
        "behavior": {"scaleUp": FAST if up is None else up, "scaleDown": AT_ONCE if down is None else down},
    }
    manifest = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": spec}
    return Autoscaler(HorizontalPodAutoscaler.of(manifest))


def after_each_sync(scaler: Autoscaler, replicas: int, total: float | None, syncs: int, start: float = 0) -> list[int]:
    """The replicas at first and after each of the syncs, 15 s apart."""
    found = [replicas]
    for number in range(syncs):
        found.append(scaler.sync(found[-1], [total], start + number * SYNC_SECONDS).replicas)
    return found


def changes(replicas: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(replicas) if after != before]


@pytest.mark.parametrize(("each_has", "replicas"), [(20, 8), (5, 2), (10, 4), (12, 5), (1, 1), (0, 1)])
def test_replicas_follow_the_ratio_of_what_each_has_to_the_target(each_has: float, replicas: int) -> None:
    assert autoscaler().sync(4, [4 * each_has], 0).replicas == replicas


@pytest.mark.parametrize(
    ("total", "replicas"), [(91, 10), (100, 10), (109, 10), (110, 10), (111, 12), (90, 10), (89, 9)]
)
def test_within_a_tenth_of_the_target_nothing_changes(total: float, replicas: int) -> None:
    assert autoscaler().sync(10, [total], 0).replicas == replicas


def test_a_target_may_be_a_fraction() -> None:
    assert autoscaler(metrics=(metric("2500m"),)).sync(1, [24], 0).replicas == 10


def test_replicas_stay_between_minimum_and_maximum() -> None:
    scaler = autoscaler(least=2, most=5)
    assert [scaler.sync(3, [total], now).replicas for now, total in enumerate((1000, 0))] == [5, 2]
    assert [scaler.sync(replicas, [30], 10).replicas for replicas in (9, 1)] == [5, 2]


def test_a_missing_metric_changes_nothing() -> None:
    decision = autoscaler().sync(7, [None], 0)
    assert (decision.replicas, decision.proposed, decision.reason) == (7, None, "FailedGetExternalMetric")


def test_with_one_of_two_metrics_missing_replicas_may_rise_and_never_fall() -> None:
    scaler = autoscaler(metrics=(metric(name="one"), metric(name="other")))
    assert scaler.sync(4, [80, None], 0).replicas == 8
    assert scaler.sync(8, [10, None], 1).replicas == 8
    assert scaler.sync(8, [10, 20], 2).replicas == 2


def test_of_several_metrics_the_one_that_asks_for_most_decides() -> None:
    assert autoscaler(metrics=(metric(name="one"), metric(name="other"))).sync(1, [30, 70], 0).replicas == 7


def test_by_default_replicas_double_or_four_are_added_every_15_seconds() -> None:
    assert after_each_sync(autoscaler(up={}, most=40), 1, 10_000, 5) == [1, 5, 10, 20, 40, 40]


def test_ten_times_the_replicas_every_minute_as_in_kep_853() -> None:
    up = {"policies": [{"type": "Percent", "value": 900, "periodSeconds": 60}]}
    assert changes(after_each_sync(autoscaler(up=up, most=100_000), 1, 1_000_000, 12)) == [9, 90, 900]


def test_one_pod_every_ten_minutes_as_in_kep_853() -> None:
    down = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 600}]}
    assert after_each_sync(autoscaler(down=down), 100, 0, 81)[-1] == 100 - 3


def test_the_larger_of_four_pods_and_a_tenth_goes_every_minute_as_documented() -> None:
    policies = [
        {"type": "Pods", "value": 4, "periodSeconds": 60},
        {"type": "Percent", "value": 10, "periodSeconds": 60},
    ]
    scaler = autoscaler(down={"stabilizationWindowSeconds": 0, "policies": policies})
    assert changes(after_each_sync(scaler, 80, 100, 80)) == [-8, -8, -7, -6, -6, -5, *[-4] * 7, -2]


def test_the_smaller_change_is_taken_where_the_policy_says_min() -> None:
    policies = [
        {"type": "Pods", "value": 4, "periodSeconds": 60},
        {"type": "Percent", "value": 10, "periodSeconds": 60},
    ]
    scaler = autoscaler(down={"stabilizationWindowSeconds": 0, "policies": policies, "selectPolicy": "Min"})
    assert changes(after_each_sync(scaler, 80, 0, 9)) == [-4, -4, -4]
    up = {"policies": policies, "selectPolicy": "Min"}
    assert changes(after_each_sync(autoscaler(up=up), 20, 10_000, 9)) == [2, 3, 3]


def test_a_disabled_direction_does_not_scale() -> None:
    scaler = autoscaler(down={"stabilizationWindowSeconds": 0, "selectPolicy": "Disabled"})
    assert scaler.sync(5, [0], 0).replicas == 5
    assert scaler.sync(5, [80], 1).replicas == 8


def test_scaling_down_waits_until_every_recommendation_of_the_window_is_lower() -> None:
    scaler = autoscaler(down={"stabilizationWindowSeconds": 300, "policies": AT_ONCE["policies"]})
    assert scaler.sync(5, [90], 0).replicas == 9
    assert scaler.sync(9, [40], 150).replicas == 9
    assert scaler.sync(9, [0], 299).replicas == 9
    assert scaler.sync(9, [0], 301).replicas == 4
    assert scaler.sync(4, [0], 451).replicas == 1


def test_scaling_up_waits_until_every_recommendation_of_its_window_is_higher() -> None:
    scaler = autoscaler(up={**FAST, "stabilizationWindowSeconds": 60})
    assert scaler.sync(2, [20], 0).replicas == 2
    assert scaler.sync(2, [90], 30).replicas == 2
    assert scaler.sync(2, [80], 61).replicas == 8


def test_without_a_stabilisation_of_its_own_scaling_down_waits_five_minutes() -> None:
    scaler = autoscaler(down={"policies": AT_ONCE["policies"]})
    replicas = after_each_sync(scaler, 6, 0, 22)
    assert replicas.index(1) - 1 == 300 / SYNC_SECONDS


def test_a_quarter_a_minute_brings_nine_to_one_in_five_steps() -> None:
    down = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 25, "periodSeconds": 60}]}
    replicas = after_each_sync(autoscaler(down=down), 9, 0, 20)
    assert changes(replicas) == [-3, -2, -1, -1, -1]
    assert replicas.index(1) - 1 == 4 * 60 / SYNC_SECONDS


def test_what_a_missing_metric_hid_does_not_shorten_the_window() -> None:
    scaler = autoscaler(down={"stabilizationWindowSeconds": 300, "policies": AT_ONCE["policies"]})
    scaler.sync(9, [90], 0)
    assert after_each_sync(scaler, 9, None, 18, start=15) == [9] * 19
    assert scaler.sync(9, [0], 290).replicas == 9


@pytest.mark.parametrize(
    "strange",
    [
        {"metrics": [{"type": "Resource", "resource": {"name": "cpu"}}]},
        {"metrics": [{**metric(), "external": {**metric()["external"], "target": {"type": "Value", "value": "1"}}}]},
        {"behavior": {"scaleDown": {"stabilisationWindowSeconds": 300}}},
        {"maxReplica": 3},
    ],
)
def test_a_manifest_with_what_is_not_rehearsed_is_refused(strange: dict[str, Any]) -> None:
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}, "maxReplicas": 9}
    manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "spec": spec | {"metrics": [metric()]},
    }
    HorizontalPodAutoscaler.of(manifest)
    with pytest.raises(ValidationError):
        HorizontalPodAutoscaler.of(manifest | {"spec": manifest["spec"] | strange})  # type: ignore[operator]
