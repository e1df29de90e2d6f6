"""100,000 images: planned in windows, a message at a time, without an id passing through the process."""

import tracemalloc
from typing import Any

from fanfare_orchestrator.context import Context
from fanfare_orchestrator.settings import PlanSettings

MANY = 100_000


def test_planning_100_000_images_takes_windows_and_no_memory(gallery: Any, office: Any, context: Context) -> None:
    office.execute(
        "INSERT INTO originals (id, digest, key, size, media_type, price)"
        " SELECT gen_random_uuid(), decode(md5(n::text), 'hex'), n::text, 1, 'image/jpeg', CASE WHEN n %% 1000 = 0 THEN 1e10 END"
        " FROM generate_series(1, %s) AS n",
        MANY,
    )
    office.execute(
        "INSERT INTO images (id, original_id, name, status, created_by)"
        " SELECT gen_random_uuid(), id, key, 'ready', 'test' FROM originals"
    )
    office.execute("ANALYZE images, originals")
    gallery.context = Context(context.ledger, context.publisher, PlanSettings())
    job_id = gallery.job()
    tracemalloc.start()
    windows = gallery.plan_all(job_id)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert windows == 11
    assert peak < 5_000_000
    plan = gallery.plan(job_id)
    assert plan["total"] == MANY
    assert office.rows("SELECT lane, count(*), sum(size) FROM image_batches GROUP BY 1 ORDER BY 1") == [
        {"lane": "images.bulk", "count": plan["batches"] - 100, "sum": MANY - 100},
        {"lane": "images.heavy", "count": 100, "sum": 100},
    ]
    assert office.rows("SELECT count(*), count(DISTINCT image_id) AS images, max(position) FROM image_items") == [
        {"count": MANY, "images": MANY, "max": MANY - 1}
    ]
    assert office.rows(
        "SELECT count(*) FROM image_items i JOIN image_batches b ON b.id = i.batch_id"
        " WHERE i.position BETWEEN b.first_position AND b.last_position"
    ) == [{"count": MANY}]
