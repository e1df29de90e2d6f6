"""Doomed objects are removed when they are due, unless a row names them again."""

from typing import Any

from fanfare_orchestrator.images.housekeeping.doomed import remove_doomed_objects


def test_what_is_due_and_not_named_again_is_removed(gallery: Any, maintenance: Any, office: Any) -> None:
    storage = maintenance().open_storage()
    gallery.images(1)
    (named,) = [row["key"] for row in office.rows("SELECT key FROM originals")]
    for key in (named, "originals/aa/due", "originals/aa/later", "originals/aa/kept"):
        storage.put(key, b"data", "image/jpeg")
    office.execute("INSERT INTO doomed_objects (key) VALUES (%s), ('originals/aa/due'), ('originals/aa/gone')", named)
    office.execute("INSERT INTO doomed_objects (key, due_at) VALUES ('originals/aa/later', now() + interval '1 hour')")
    assert remove_doomed_objects(maintenance(dry_run=True)).result == {"removed": 3}
    assert len(list(storage.list())) == 4
    assert remove_doomed_objects(maintenance()).result == {"removed": 2}
    assert {stored.key for stored in storage.list()} == {named, "originals/aa/later", "originals/aa/kept"}
    assert [row["key"] for row in office.rows("SELECT key FROM doomed_objects")] == ["originals/aa/later"]
