"""The photos that are measured with, and storage full of them."""

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from uuid import UUID

from fanfare_shared.ids import uuid7
from harness.fleet import Fleet
from harness.images.photos import jpeg

_MEDIA_TYPE = "image/jpeg"

_INSERT = """
WITH new AS (
    SELECT * FROM unnest(%(originals)s::uuid[], %(images)s::uuid[], %(digests)s::bytea[], %(keys)s::text[],
                         %(sizes)s::bigint[], %(names)s::text[]) AS n(original_id, image_id, digest, key, size, name)
), stored AS (
    INSERT INTO originals (id, digest, key, size, media_type) SELECT original_id, digest, key, size, %(type)s FROM new
)
INSERT INTO images (id, original_id, folder_id, name, status, created_by)
SELECT image_id, original_id, %(folder)s, name, 'ready', 'bench' FROM new
"""


@dataclass(frozen=True)
class Photo:
    """`width` x `height` pixels in a baseline JPEG of about `size` bytes."""

    name: str
    width: int
    height: int
    size: int


LARGE = Photo("12 MP JPEG, 3.4 MB", 4000, 3000, 3_400_000)
MIDDLE = Photo("2 MP JPEG, 500 KB", 1600, 1200, 500_000)


def write_photos(photo: Photo, folder: Path, count: int) -> list[Path]:
    """`count` different pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{photo.width}x{photo.height}-{number}.jpg"
        if not path.exists():
            path.write_bytes(jpeg(photo.width, photo.height, size=photo.size, seed=number + 1))
        paths.append(path)
    return paths


def fill(fleet: Fleet, files: Sequence[Path], count: int, folder: str) -> UUID:
    """`count` images in a new folder of the ledger, none worked on before; the folder's id.

    They are rows as the api makes them, each with an original of its own whose object is a hard link to one of `files` in
    turn: so ten thousand are there at once, and a disk that is slow to take them does not become part of what is measured.
    Without `files` there are no objects.
    """
    folder_id = UUID(fleet.client.http.post("/v1/folders", json={"path": folder}).raise_for_status().json()["id"])
    sizes = [file.stat().st_size for file in files] or [MIDDLE.size]
    keys = [_new_key() for _ in range(count)]
    for key, file in zip(keys, cycle(files), strict=False):
        target = fleet.storage / key
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)
    ledger = fleet.ledger()
    with ledger.transaction() as connection:
        connection.execute(
            _INSERT,
            {
                "originals": [uuid7() for _ in keys],
                "images": [uuid7() for _ in keys],
                "digests": [hashlib.sha256(key.encode()).digest() for key in keys],
                "keys": keys,
                "sizes": [sizes[number % len(sizes)] for number in range(count)],
                "names": [f"photo-{number:06}.jpg" for number in range(count)],
                "type": _MEDIA_TYPE,
                "folder": folder_id,
            },
        )
    with ledger.statement() as connection:
        connection.execute("ANALYZE images, originals")
    ledger.close()
    return folder_id


def _new_key() -> str:
    name = secrets.token_hex(16)
    return f"originals/{name[:2]}/{name}"
