"""`reconcile_storage`: first all of it is looked at, then, unless something is plainly wrong, what differs is repaired.

A run that takes too long says where it stopped, and the next goes on from there.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fanfare_orchestrator.images.reconciling.comparing import PARTS, Difference, compare
from fanfare_orchestrator.images.reconciling.repairing import repair
from fanfare_orchestrator.schedule.context import RunContext
from fanfare_orchestrator.schedule.runs import RunResult
from fanfare_shared.schedule import RECONCILE_STORAGE

_FIRST = 100
# Longer than an upload or a batch takes between storing an object and committing its row.
_GRACE = timedelta(days=1)
# Together they are within the task's soft time limit, whatever one part takes.
_LOOK_SECONDS = 120.0
_REPAIR_SECONDS = 60.0

# So much is not lost one by one: it is another storage than the ledger's, or another ledger than the storage's.
_FEW = 10
_MISSING_SHARE = 0.1
_STRAY_SHARE = 0.5

_LAST_RESULT = """
SELECT result ->> 'next_part' FROM schedule_runs
WHERE name = %s AND finished_at IS NOT NULL ORDER BY due_at DESC LIMIT 1
"""


@dataclass
class _Report:
    counts: Counter[str] = field(default_factory=Counter)
    stray: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    next_part: str | None = None

    def add(self, part: str, difference: Difference) -> None:
        self.counts.update(
            objects=difference.objects,
            rows=difference.rows,
            stray_objects=len(difference.stray),
            stray_bytes=sum(stored.size for stored in difference.stray),
            missing_objects=len(difference.missing),
        )
        self.stray += [stored.key for stored in difference.stray][: _FIRST - len(self.stray)]
        self.missing += difference.missing[: _FIRST - len(self.missing)]
        if difference:
            self.differing.append(part)

    def refusal(self) -> str | None:
        """Why nothing of it may be repaired."""
        counts = self.counts
        if counts["missing_objects"] > max(_FEW, counts["rows"] * _MISSING_SHARE):
            return "More than a tenth of the objects are missing: nothing was repaired. Is FANFARE_STORAGE_URL right?"
        if counts["stray_objects"] > max(_FEW, counts["objects"] * _STRAY_SHARE):
            return "More than half of the objects have no row: nothing was repaired. Is this the storage's ledger?"
        return None

    def result(self, **more: Any) -> dict[str, Any]:
        shown = {"first_stray": self.stray, "first_missing": self.missing, "next_part": self.next_part}
        return dict.fromkeys(("objects", "rows", "stray_objects", "stray_bytes", "missing_objects"), 0) | (
            dict(self.counts) | shown | more
        )


def reconcile_storage(context: RunContext) -> RunResult:
    """`{"objects", "rows", "stray_objects", "stray_bytes", "missing_objects", "first_stray", "first_missing", "next_part"}`
    and, where it repaired, `"repaired"`: how many of what.
    """
    storage, before = context.open_storage(), datetime.now(UTC) - _GRACE
    report, until = _Report(), time.monotonic() + _LOOK_SECONDS
    for part in PARTS[_start(context) :]:
        if time.monotonic() > until:
            report.next_part = part
            break
        report.add(part, compare(context.ledger, storage, part, before))
    if context.dry_run:
        return RunResult(report.result())
    if (refusal := report.refusal()) is not None:
        return RunResult(report.result(), [refusal])
    repaired, until = Counter[str](), time.monotonic() + _REPAIR_SECONDS
    for part in report.differing:
        if time.monotonic() > until:
            report.next_part = part
            break
        repaired.update(
            repair(context.ledger, storage, part, compare(context.ledger, storage, part, before)),
        )
    return RunResult(report.result(repaired=dict(repaired)))


def _start(context: RunContext) -> int:
    with context.ledger.statement() as connection:
        row = connection.execute(_LAST_RESULT, (RECONCILE_STORAGE.name,)).fetchone()
    return PARTS.index(row[0]) if row is not None and row[0] in PARTS else 0
