"""The reconciler finds what differs between ledger and storage, and repairs it; young objects are nobody's mistake."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from fanfare_orchestrator.images.housekeeping.doomed import remove_doomed_objects
from fanfare_orchestrator.images.reconciling import comparing, run
from fanfare_orchestrator.images.reconciling.run import reconcile_storage
from fanfare_shared.settings import StorageSettings

STRAY = ["archives/aa/stray.zip", "originals/00/stray", "variants/ff/stray.jpg"]
AGREE = {"stray_objects": 0, "stray_bytes": 0, "missing_objects": 0}


@pytest.fixture(params=["local folder", "s3"])
def storage_settings(request: pytest.FixtureRequest, storage_settings: StorageSettings) -> StorageSettings:
    """Each storage in turn."""
    if request.param == "local folder":
        return storage_settings
    settings: StorageSettings = request.getfixturevalue("s3_settings")
    return settings


@pytest.fixture(autouse=True)
def few_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts these tests use, out of 513; pages of two keys."""
    parts = ("originals/00", "originals/aa", "variants/aa", "variants/ff", "archives")
    monkeypatch.setattr(run, "PARTS", parts)
    monkeypatch.setattr(comparing, "_PAGE", 2)


@pytest.fixture
def everything_is_old(monkeypatch: pytest.MonkeyPatch, office: Any) -> None:
    monkeypatch.setattr(run, "_GRACE", timedelta(hours=-1))


class Stored:
    """Five images with an original and a variant each, all in storage; the first two variants are one object."""

    def __init__(self, gallery: Any, storage: Any) -> None:
        self.images = gallery.images(5)
        self.storage = storage
        office = gallery.office
        variants = [f"variants/aa/{max(number, 1)}.jpg" for number in range(5)]
        for image_id, key in zip(self.images, variants, strict=True):
            office.execute(
                "INSERT INTO variants (image_id, name, key, format, media_type, width, height, size, created_at)"
                " VALUES (%s, 'resized', %s, 'jpeg', 'image/jpeg', 1, 1, 4, now() - interval '1 day')",
                image_id,
                key,
            )
        gallery.job("archive", status="completed", result=Jsonb({"archives": [{"key": "archives/aa/a.zip"}]}))
        self.originals = [
            row["key"]
            for row in office.rows("SELECT key FROM originals o JOIN images i ON i.original_id = o.id ORDER BY i.id")
        ]
        self.variants = variants[1:]
        for key in self.all:
            storage.put(key, b"data", "image/jpeg")

    @property
    def all(self) -> set[str]:
        return {*self.originals, *self.variants, "archives/aa/a.zip"}

    @property
    def keys(self) -> set[str]:
        return {stored.key for stored in self.storage.list()}


@pytest.fixture
def stored(gallery: Any, maintenance: Any) -> Stored:
    return Stored(gallery, maintenance().open_storage())


def test_ledger_and_storage_that_agree_are_left_alone(
    stored: Stored, maintenance: Any, everything_is_old: None
) -> None:
    found = reconcile_storage(maintenance())
    assert found.problems == []
    assert found.result == AGREE | {
        "objects": 10,
        "rows": 10,
        "first_stray": [],
        "first_missing": [],
        "next_part": None,
        "repaired": {},
    }
    assert stored.keys == stored.all


def test_a_dry_run_names_what_differs_and_changes_nothing(
    stored: Stored, maintenance: Any, office: Any, everything_is_old: None
) -> None:
    for key in STRAY:
        stored.storage.put(key, b"stray", "image/jpeg")
    missing = [stored.originals[0], stored.variants[0]]
    stored.storage.delete(missing)
    before = stored.keys
    found = reconcile_storage(maintenance(dry_run=True)).result
    assert (sorted(found["first_stray"]), found["stray_objects"], found["stray_bytes"]) == (STRAY, 3, 15)
    assert (sorted(found["first_missing"]), found["missing_objects"]) == (sorted(missing), 2)
    assert "repaired" not in found
    assert stored.keys == before
    assert {row["status"] for row in office.rows("SELECT status FROM images")} == {"ready"}
    assert office.rows("SELECT FROM doomed_objects") == []


def test_objects_without_rows_are_removed(
    stored: Stored, maintenance: Any, office: Any, everything_is_old: None
) -> None:
    for key in STRAY:
        stored.storage.put(key, b"stray", "image/jpeg")
    found = reconcile_storage(maintenance())
    assert found.result["repaired"] == {"removed_objects": 2, "doomed_variants": 1}
    assert stored.keys == stored.all | {"variants/ff/stray.jpg"}
    assert remove_doomed_objects(maintenance()).result == {"removed": 0}
    office.execute("UPDATE doomed_objects SET due_at = now()")
    assert remove_doomed_objects(maintenance()).result == {"removed": 1}
    assert stored.keys == stored.all


def test_young_objects_and_doomed_ones_are_not_stray(
    stored: Stored, maintenance: Any, office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in STRAY:
        stored.storage.put(key, b"young", "image/jpeg")
    assert reconcile_storage(maintenance()).result["stray_objects"] == 0
    monkeypatch.setattr(run, "_GRACE", timedelta(hours=-1))
    office.execute("INSERT INTO doomed_objects (key) SELECT unnest(%s::text[])", STRAY)
    assert reconcile_storage(maintenance()).result["stray_objects"] == 0
    assert stored.keys == {*stored.all, *STRAY}


def test_a_variant_without_its_object_is_forgotten_and_an_image_without_its_original_says_so(
    stored: Stored, maintenance: Any, office: Any
) -> None:
    stored.storage.delete([stored.originals[3], stored.variants[0], "archives/aa/a.zip"])
    found = reconcile_storage(maintenance())
    assert found.problems == []
    assert found.result["missing_objects"] == 3
    assert found.result["repaired"] == {"lost_originals": 1, "failed_images": 1, "deleted_variants": 2}
    images = office.rows("SELECT id, status, error_code FROM images ORDER BY id")
    assert [image["status"] for image in images] == ["ready"] * 3 + ["failed", "ready"]
    assert images[3]["error_code"] == "ORIGINAL_MISSING"
    (lost,) = office.rows("SELECT dropped_at FROM originals WHERE key IS NULL")
    assert lost["dropped_at"] is not None
    left = office.rows("SELECT image_id FROM variants ORDER BY image_id")
    assert [row["image_id"] for row in left] == stored.images[2:]
    again = reconcile_storage(maintenance()).result
    assert (again["first_missing"], again["repaired"]) == (["archives/aa/a.zip"], {})


def test_a_variant_that_was_just_made_again_keeps_its_row(stored: Stored, maintenance: Any, office: Any) -> None:
    office.execute("UPDATE variants SET created_at = now() WHERE key = %s", stored.variants[2])
    stored.storage.delete([stored.variants[2]])
    assert reconcile_storage(maintenance()).result["repaired"] == {"deleted_variants": 0}


def test_another_storage_than_the_ledgers_is_not_taken_for_a_loss(
    stored: Stored, gallery: Any, maintenance: Any, office: Any
) -> None:
    gallery.images(11)
    found = reconcile_storage(maintenance())
    assert found.result["missing_objects"] == 11
    assert "Is FANFARE_STORAGE_URL right?" in found.problems[0]
    assert {row["status"] for row in office.rows("SELECT status FROM images")} == {"ready"}


def test_another_ledger_than_the_storages_deletes_nothing(
    stored: Stored, maintenance: Any, office: Any, everything_is_old: None
) -> None:
    for number in range(11):
        stored.storage.put(f"originals/00/{number}", b"theirs", "image/jpeg")
    before = stored.keys
    found = reconcile_storage(maintenance())
    assert "Is this the storage's ledger?" in found.problems[0]
    assert stored.keys == before


def test_a_run_that_takes_too_long_is_gone_on_with_by_the_next(
    stored: Stored, maintenance: Any, office: Any, everything_is_old: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.storage.put("variants/ff/stray.jpg", b"stray", "image/jpeg")
    monkeypatch.setattr(run, "_LOOK_SECONDS", -1.0)
    result = reconcile_storage(maintenance(dry_run=True)).result
    assert (result["objects"], result["next_part"]) == (0, "originals/00")
    office.execute(
        "INSERT INTO schedule_runs (name, due_at, status, finished_at, result)"
        " VALUES ('reconcile_storage', now(), 'SUCCESS', now(), %s)",
        Jsonb(result | {"next_part": "variants/ff"}),
    )
    monkeypatch.setattr(run, "_LOOK_SECONDS", 1_000.0)
    result = reconcile_storage(maintenance(dry_run=True)).result
    assert (result["objects"], result["first_stray"]) == (2, ["variants/ff/stray.jpg"])
    assert result["next_part"] is None
