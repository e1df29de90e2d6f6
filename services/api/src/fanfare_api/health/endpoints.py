"""`/healthz`, `/readyz` and `/metrics`, outside `/v1` and without a key."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from pydantic import BaseModel, Field

from fanfare_api.health.dependencies import dependency_errors
from fanfare_api.runtime import Runtime, runtime_of
from fanfare_shared.certificates import CertificateExpiryCollector

router = APIRouter(tags=["health"])

# Without the ledger nothing can be answered. Without the broker or the quota's Redis the api still takes work in, and
# the ledger keeps it until they are back: taking the api away too would make an outage of a delay. Without the storage
# images cannot be uploaded or shown, each with a 503 that says so; campaigns and everything else go on.
_REQUIRED = "postgresql"


class Health(BaseModel):
    status: str = Field(examples=["alive"])


class Readiness(BaseModel):
    """`ready`, `degraded` or `not_ready` (503). By server, null or what is wrong.

    Degraded, requests are taken and their work waits; without the storage, those for images' bytes are refused.
    """

    status: str = Field(examples=["ready"])
    dependencies: dict[str, str | None] = Field(
        examples=[{"postgresql": None, "rabbitmq": None, "redis": None, "storage": None}]
    )


@router.get("/healthz", summary="The process is alive")
async def healthz() -> Health:
    return Health(status="alive")


@router.get("/readyz", summary="Which dependency is not ready", responses={503: {"model": Readiness}})
async def readyz(runtime: Annotated[Runtime, Depends(runtime_of)], response: Response) -> Readiness:
    errors = await dependency_errors(runtime)
    if errors[_REQUIRED] is not None:
        response.status_code = 503
        return Readiness(status="not_ready", dependencies=errors)
    return Readiness(status="degraded" if any(errors.values()) else "ready", dependencies=errors)


@router.get("/metrics", summary="Prometheus", response_class=Response)
async def metrics(runtime: Annotated[Runtime, Depends(runtime_of)]) -> Response:
    registry = CollectorRegistry()
    registry.register(REGISTRY)
    registry.register(CertificateExpiryCollector(runtime.settings))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
