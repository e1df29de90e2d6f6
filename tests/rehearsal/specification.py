"""The rendered HorizontalPodAutoscaler (autoscaling/v2), as far as it is rehearsed; every other field is an error."""

from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

DOWNSCALE_STABILIZATION_SECONDS = 300.0
"""kube-controller-manager's --horizontal-pod-autoscaler-downscale-stabilization, which a manifest may override."""
TOLERANCE = 0.1
"""kube-controller-manager's --horizontal-pod-autoscaler-tolerance."""
_SUFFIXES = {"m": Decimal("0.001"), "": Decimal(1), "k": Decimal(1000), "M": Decimal(1000_000)}


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Policy(_Part):
    """How many replicas may come or go in `period_seconds`."""

    type: Literal["Pods", "Percent"]
    value: int = Field(gt=0)
    period_seconds: float = Field(gt=0, le=1800)


class Rules(_Part):
    """One direction's. What the manifest leaves out is what the API server fills in, for that direction."""

    policies: tuple[Policy, ...]
    stabilization_window_seconds: float = Field(ge=0, le=3600)
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    tolerance: float = TOLERANCE

    def faster(self, times: float) -> Self:
        policies = tuple(
            policy.model_copy(update={"period_seconds": policy.period_seconds / times}) for policy in self.policies
        )
        window = self.stabilization_window_seconds / times
        return self.model_copy(update={"policies": policies, "stabilization_window_seconds": window})


class ScaleUp(Rules):
    policies: tuple[Policy, ...] = (
        Policy(type="Pods", value=4, period_seconds=15),
        Policy(type="Percent", value=100, period_seconds=15),
    )
    stabilization_window_seconds: float = 0.0


class ScaleDown(Rules):
    policies: tuple[Policy, ...] = (Policy(type="Percent", value=100, period_seconds=15),)
    stabilization_window_seconds: float = DOWNSCALE_STABILIZATION_SECONDS


class Behavior(_Part):
    scale_up: ScaleUp = ScaleUp()
    scale_down: ScaleDown = ScaleDown()


class Selector(_Part):
    match_labels: dict[str, str] = {}


class MetricIdentifier(_Part):
    name: str
    selector: Selector = Selector()


class AverageValue(_Part):
    """`average_value` is a quantity: so much of the metric's total for each replica."""

    type: Literal["AverageValue"]
    average_value: Decimal = Field(gt=0)

    @field_validator("average_value", mode="before")
    @classmethod
    def _quantity(cls, value: Any) -> Decimal:
        text = str(value)
        suffix = text[-1] if text[-1].isalpha() else ""
        if suffix not in _SUFFIXES:
            raise ValueError(f"not a quantity with one of the suffixes m, k, M: {text}")
        return Decimal(text.removesuffix(suffix)) * _SUFFIXES[suffix]


class External(_Part):
    metric: MetricIdentifier
    target: AverageValue


class Metric(_Part):
    type: Literal["External"]
    external: External


class ScaleTarget(_Part):
    api_version: Literal["apps/v1"]
    kind: Literal["Deployment"]
    name: str


class HorizontalPodAutoscaler(_Part):
    """The manifest's `spec`."""

    scale_target_ref: ScaleTarget
    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(ge=1)
    metrics: tuple[Metric, ...] = Field(min_length=1)
    behavior: Behavior = Behavior()

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> Self:
        """Raises ValueError for what is no HPA of autoscaling/v2, or has fields that are not rehearsed."""
        kind = manifest.get("apiVersion"), manifest.get("kind")
        if kind != ("autoscaling/v2", "HorizontalPodAutoscaler"):
            raise ValueError(f"not a HorizontalPodAutoscaler of autoscaling/v2: {kind}")
        return cls.model_validate(manifest["spec"])

    def faster(self, times: float, max_replicas: int) -> Self:
        """The same with every period and window so many times shorter, for a rehearsal that must be short."""
        behavior = Behavior(
            scale_up=self.behavior.scale_up.faster(times), scale_down=self.behavior.scale_down.faster(times)
        )
        return self.model_copy(update={"behavior": behavior, "max_replicas": max_replicas})
