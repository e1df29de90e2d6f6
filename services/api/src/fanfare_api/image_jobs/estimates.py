"""How long a job would take: from what such work took lately, else from what the images measure."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.image_jobs.targets import Selection
from fanfare_shared.contracts.words import Lane, Operation

# Seconds of one process: a 12 MP JPEG of 3.4 MB takes 39 ms to decode, resize and write, and 12 MP of PNG or WebP 170 to
# 180 ms; a file operation is a statement's share.
_OF_A_JPEGS_PIXEL = 3.3e-9
_OF_ANOTHERS_PIXEL = 15e-9
_OF_A_BYTE = 12e-9
_OF_A_FILE_OPERATION = 1e-4
# An archive's bytes are read and written once.
_OF_AN_ARCHIVED_BYTE = 1e-8

_WORK = """
SELECT coalesce(o.price > :heavy, false) AS is_heavy, count(*) AS images, sum(o.size) AS bytes,
       sum(coalesce(
           CAST(o.width AS float) * o.height * CASE o.format WHEN 'jpeg' THEN {jpeg} ELSE {other} END,
           o.size * {byte}
       )) AS variants_seconds
FROM images i JOIN originals o ON o.id = i.original_id
WHERE {condition}
GROUP BY 1
"""
# The newest batches alone are looked at: what is older tells of other images, on other machines.
_LATELY = text("""
SELECT b.lane = 'images.heavy' AS is_heavy, CAST(avg(i.duration_ms) AS float) / 1000 AS seconds
FROM (SELECT id, job_id, lane FROM image_batches ORDER BY id DESC LIMIT 500) b
JOIN image_jobs j ON j.id = b.job_id AND j.operation = ANY(:operations)
CROSS JOIN LATERAL (
    SELECT duration_ms FROM image_items
    WHERE batch_id = b.id AND status = 'succeeded' AND duration_ms IS NOT NULL ORDER BY position LIMIT 20
) i
GROUP BY 1
""")


@dataclass(frozen=True)
class Estimate:
    """`seconds` of one worker process. `lanes`: how many images stand in which."""

    lanes: dict[Lane, int]
    seconds: float


async def estimate(session: AsyncSession, selection: Selection, operation: Operation, heavy_bytes: int) -> Estimate:
    """Of the images that `selection` finds. `heavy_bytes`: `FANFARE_IMAGE_HEAVY_BYTES`."""
    work = _WORK.format(
        condition=selection.condition,
        jpeg=_OF_A_JPEGS_PIXEL,
        other=_OF_ANOTHERS_PIXEL,
        byte=_OF_A_BYTE,
    )
    parts = (await session.execute(text(work), selection.values | {"heavy": heavy_bytes})).all()
    lately = await _lately(session, operation)
    lanes: dict[Lane, int] = {}
    seconds = 0.0
    for part in parts:
        lane = lane_of(operation, is_heavy=part.is_heavy)
        lanes[lane] = lanes.get(lane, 0) + part.images
        if (each := lately.get(lane is Lane.HEAVY)) is not None:
            seconds += part.images * each
        elif operation.makes_variants:
            seconds += part.variants_seconds
        else:
            seconds += part.images * _OF_A_FILE_OPERATION
            seconds += float(part.bytes) * _OF_AN_ARCHIVED_BYTE if operation is Operation.ARCHIVE else 0
    return Estimate(lanes, seconds)


def lane_of(operation: Operation, *, is_heavy: bool = False) -> Lane:
    """Where a bulk job's images stand."""
    if not operation.makes_variants:
        return Lane.FILES
    return Lane.HEAVY if is_heavy else Lane.BULK


async def _lately(session: AsyncSession, operation: Operation) -> dict[bool, float]:
    """Seconds an image took lately, for heavy ones and for others."""
    alike = [Operation.UPLOAD, Operation.PROCESS] if operation.makes_variants else [operation]
    rows = await session.execute(_LATELY, {"operations": [one.value for one in alike]})
    return {row.is_heavy: row.seconds for row in rows}
