"""A target as SQL: the images it means that the operation takes, each with its `rank`, after the plan's cursor.

Ids keep the order they were given in, a job's items their positions; images of a folder, of all or of the trash come in the
order of their ids, up to the largest there was at the start. Who changes its state meanwhile is not of the target.
"""

from dataclasses import dataclass
from typing import Any

from fanfare_orchestrator.images.planning.plans import Plan
from fanfare_shared.contracts.words import ItemOutcome, Operation
from fanfare_shared.images.taking import rejections

# The api keeps each id once. They are looked up one by one in their order, so that a window looks up no more than its own.
_ASKED = """
SELECT found.*, asked.rank
FROM (
    SELECT value::uuid AS id, place AS rank
    FROM image_jobs j CROSS JOIN LATERAL jsonb_array_elements_text(j.target -> 'image_ids') WITH ORDINALITY AS v (value, place)
    WHERE j.id = %(job)s AND place > coalesce(
        (SELECT place FROM image_jobs j
         CROSS JOIN LATERAL jsonb_array_elements_text(j.target -> 'image_ids') WITH ORDINALITY AS v (value, place)
         WHERE j.id = %(job)s AND value = %(cursor)s::text LIMIT 1), 0)
    ORDER BY place
) AS asked
CROSS JOIN LATERAL (SELECT {columns} FROM images i {originals} WHERE i.id = asked.id AND {state} OFFSET 0) AS found
"""

_ITEMS = """
SELECT found.*, p.rank
FROM (
    SELECT image_id, position AS rank FROM image_items
    WHERE job_id = %(parent)s AND status = %(outcome)s AND position > coalesce(
        (SELECT max(position) FROM image_items WHERE job_id = %(parent)s AND image_id = %(cursor)s), -1)
    ORDER BY position
) AS p
CROSS JOIN LATERAL (SELECT {columns} FROM images i {originals} WHERE i.id = p.image_id AND {state} OFFSET 0) AS found
"""

_IMAGES = """
SELECT {columns}, i.id AS rank
FROM images i {originals}
WHERE {state} AND {condition}
  AND i.id > coalesce(%(cursor)s::uuid, '00000000-0000-0000-0000-000000000000') AND i.id <= %(ceiling)s
"""

# '0' follows '/': these are the paths below, read from an index.
_BELOW = """i.folder_id IN (
    SELECT f.id FROM folders top JOIN folders f
        ON f.id = top.id OR (f.path ~>=~ (top.path || '/') AND f.path ~<~ (top.path || '0'))
    WHERE top.id = %(folder)s)"""

# By originals, so that all images of one are planned together.
_OLD_ORIGINALS = """
SELECT {columns}, ROW(o.id, i.id) AS rank
FROM images i {originals}
WHERE {condition} AND i.id <= %(ceiling)s
  AND (%(cursor)s::uuid IS NULL OR (o.id, i.id) > (SELECT s.original_id, s.id FROM images s WHERE s.id = %(cursor)s))
"""

OLD_ORIGINAL = """o.key IS NOT NULL AND o.created_at < %(before)s
    AND NOT EXISTS (SELECT FROM images s WHERE s.original_id = o.id
                    AND (s.status <> 'ready' OR s.trashed_at IS NOT NULL OR s.uploaded_at >= %(before)s))"""
"""SQL: all images of the original `o` go, or none: while one is young, in the trash or without its variants, its bytes are
needed.
"""

ORIGINALS_BEFORE = "originals_before"
"""A target that only the daily schedule makes: the images of originals older than that moment."""


@dataclass(frozen=True, slots=True)
class Source:
    """`sql` gives `id, name, price, size, rank`; `values` are what it names beside `job`, `cursor` and `ceiling`."""

    sql: str
    values: dict[str, Any]


def source_of(plan: Plan) -> Source:
    target, does = plan.target, plan.does
    if plan.has_ids:
        return Source(_filled(_ASKED, does, _state(plan)), {})
    for name, outcome in (("succeeded_of", ItemOutcome.SUCCEEDED), ("failed_of", ItemOutcome.FAILED)):
        if name in target:
            return Source(_filled(_ITEMS, does, _state(plan)), {"parent": target[name], "outcome": outcome.value})
    if "trashed_before" in target:
        before = target["trashed_before"]
        condition = "true" if before is None else "i.trashed_at < %(before)s"
        return Source(_filled(_IMAGES, does, "i.trashed_at IS NOT NULL", condition), {"before": before})
    if ORIGINALS_BEFORE in target:
        sql = _filled(_OLD_ORIGINALS, does, "", OLD_ORIGINAL)
        return Source(sql, {"before": target[ORIGINALS_BEFORE]})
    conditions, values = _selected(target)
    sql = _filled(_IMAGES, does, "i.trashed_at IS NULL", " AND ".join([*conditions, _takes(plan)]))
    return Source(sql, values)


def _selected(target: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a folder's images, or of all."""
    conditions, values = ["true"], {"folder": target.get("folder_id"), "owner": target.get("owner")}
    if "folder_id" in target:
        recursive = bool(target.get("recursive"))
        if target["folder_id"] is not None:
            conditions = [_BELOW if recursive else "i.folder_id = %(folder)s"]
        elif not recursive:
            conditions = ["i.folder_id IS NULL"]
    if values["owner"] is not None:
        conditions.append("i.owner = %(owner)s")
    return conditions, values


def _state(plan: Plan) -> str:
    """Of images that were named one by one: what became of the others since, their items will say."""
    return _unless([condition for code, condition in rejections(plan.does, plan.variant) if code.is_of_the_trash])


def _takes(plan: Plan) -> str:
    """What of a folder, or of all, the operation can work on: as the api counted what it accepted."""
    return _unless([condition for code, condition in rejections(plan.does, plan.variant) if not code.is_of_the_trash])


def _unless(conditions: list[str]) -> str:
    return " AND ".join(f"NOT ({condition})" for condition in conditions) or "true"


def _filled(template: str, operation: Operation, state: str, condition: str = "") -> str:
    """The originals are looked up only for work that reads them."""
    reads = operation.makes_variants or operation in {Operation.ARCHIVE, Operation.DROP_ORIGINAL}
    return template.format(
        columns="i.id, i.name, o.price, o.size" if reads else "i.id, i.name, NULL::bigint AS price, 0::bigint AS size",
        originals="JOIN originals o ON o.id = i.original_id" if reads else "",
        state=state,
        condition=condition,
    )
