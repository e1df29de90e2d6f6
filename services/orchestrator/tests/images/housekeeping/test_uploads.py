"""Uploads that nobody completed go, with what they have in storage."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from fanfare_orchestrator.images.housekeeping import uploads
from fanfare_orchestrator.images.housekeeping.uploads import expire_uploads
from fanfare_shared.ids import uuid7
from fanfare_shared.settings import StorageSettings


@pytest.fixture(params=["local folder", "s3"])
def storage_settings(request: pytest.FixtureRequest, storage_settings: StorageSettings) -> StorageSettings:
    """Each storage in turn."""
    if request.param == "local folder":
        return storage_settings
    settings: StorageSettings = request.getfixturevalue("s3_settings")
    return settings


def keys(storage: Any) -> set[str]:
    return {stored.key for stored in storage.list()}


def upload(office: Any, storage: Any, parts: int = 0, *, hours: int = -1, completed: bool = False) -> UUID:
    """Its objects stored: one, or as many parts. It expires in `hours`."""
    upload_id = uuid7()
    key = f"uploads/{upload_id.hex}"
    of_parts = [f"{key}/{number}" for number in range(parts)]
    for one in of_parts or [key]:
        storage.put(one, b"data", "image/jpeg")
    office.execute(
        "INSERT INTO uploads (id, kind, key, request, state, created_by, expires_at, completed_at)"
        " VALUES (%s, %s, %s, '{}', %s, 'test', now() + make_interval(hours => %s), CASE WHEN %s THEN now() END)",
        upload_id,
        "resumable" if parts else "direct",
        key,
        Jsonb({"parts": [{"key": one, "size": 4} for one in of_parts]}),
        hours,
        completed,
    )
    return upload_id


def test_expired_uploads_go_with_their_objects_and_others_stay(office: Any, maintenance: Any) -> None:
    storage = maintenance().open_storage()
    upload(office, storage)
    upload(office, storage, parts=2)
    kept = [upload(office, storage, hours=1), upload(office, storage, parts=1, hours=1)]
    expected = {f"uploads/{kept[0].hex}", f"uploads/{kept[1].hex}/0"}
    before = keys(storage)
    assert expire_uploads(maintenance(dry_run=True)).result == {"uploads": 2, "stray_objects": 0}
    assert keys(storage) == before
    run = expire_uploads(maintenance())
    assert (run.result["uploads"], run.result["stray_objects"]) == (2, 0)
    assert {row["id"] for row in office.rows("SELECT id FROM uploads")} == set(kept)
    assert keys(storage) == expected
    assert office.rows("SELECT FROM doomed_objects") == []


def test_an_upload_that_is_being_completed_is_left_to_that(office: Any, maintenance: Any, other_ledger: Any) -> None:
    storage = maintenance().open_storage()
    upload_id = upload(office, storage)
    with other_ledger().transaction() as connection:
        connection.execute("SELECT FROM uploads WHERE id = %s FOR UPDATE", (upload_id,))
        assert expire_uploads(maintenance()).result["uploads"] == 0
    assert keys(storage) == {f"uploads/{upload_id.hex}"}


def test_objects_of_no_open_upload_go_once_they_are_old(
    office: Any, maintenance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = maintenance().open_storage()
    kept = upload(office, storage, parts=1, hours=1)
    upload(office, storage, hours=1, completed=True)
    for key in ("uploads/nobody", f"uploads/{uuid7().hex}/0", "originals/aa/other"):
        storage.put(key, b"data", "image/jpeg")
    assert expire_uploads(maintenance()).result["stray_objects"] == 0
    monkeypatch.setattr(uploads, "_GRACE", timedelta(hours=-1))
    monkeypatch.setattr(uploads, "_CHUNK", 2)
    assert expire_uploads(maintenance(dry_run=True)).result["stray_objects"] == 3
    assert len(keys(storage)) == 5
    assert expire_uploads(maintenance()).result["stray_objects"] == 3
    assert keys(storage) == {f"uploads/{kept.hex}/0", "originals/aa/other"}
