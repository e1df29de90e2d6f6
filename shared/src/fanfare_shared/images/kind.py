"""Image jobs, as a kind of bulk job."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fanfare_shared.bulk.kind import Kind
from fanfare_shared.bulk.notifications import iso
from fanfare_shared.contracts.messages import PlanImageJob, ProcessBatch, SettleImageJob
from fanfare_shared.contracts.words import ItemOutcome, Lane

_COUNTS = tuple(outcome.value for outcome in ItemOutcome if outcome is not ItemOutcome.PENDING)


def _account(job: Mapping[str, Any]) -> dict[str, Any]:
    """The job as JSON, in the words of `GET /v1/image-jobs/{id}`."""
    return {
        "job_id": str(job["id"]),
        "parent_id": str(job["parent_id"]) if job["parent_id"] is not None else None,
        "operation": job["operation"],
        "status": str(job["status"]),
        "pause_reason": job["pause_reason"],
        "error_code": job["error_code"],
        "error_message": job["error_message"],
        "total": job.get("total", 0),
        **{name: job[name] for name in _COUNTS},
        "errors": job["errors"],
        "started_at": iso(job["started_at"]),
        "completed_at": iso(job["completed_at"]),
    }


def _process_batch(batch_id: int, job_id: UUID, lane: str) -> ProcessBatch:
    return ProcessBatch(batch_id=batch_id, job_id=job_id, lane=Lane(lane))


IMAGE_JOBS = Kind(
    name="image_job",
    noun="image job",
    jobs="image_jobs",
    key="job_id",
    batches="image_batches",
    plans="image_job_plans",
    outcomes="image_items",
    counts=_COUNTS,
    route="lane",
    set_aside_as="image_batch",
    plan_hint=lambda job_id: PlanImageJob(job_id=job_id),
    settle_hint=lambda job_id: SettleImageJob(job_id=job_id),
    work_hint=_process_batch,
    account=_account,
)
