"""Images that have been taken in, and variants as a worker would have made them."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fanfare_shared.db.connection import Ledger

JPEG = b"\xff\xd8\xff\xe0" + b"a picture" * 1000


@pytest.fixture
def make_image(client: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Uploads one image, of bytes of its own, and gives what the api shows of it."""
    made = 0

    async def make(name: str = "photo.jpg", **fields: str) -> dict[str, Any]:
        nonlocal made
        made += 1
        content = JPEG + str(made).encode()
        answer = await client.post("/v1/images", files=[("files", (name, content))], data=fields)
        assert answer.status_code == 202, answer.text
        (image,) = answer.json()["images"]
        return dict((await client.get(f"/v1/images/{image['id']}")).json())

    return make


@pytest.fixture
def add_variant(app: FastAPI, ledger: Ledger) -> Callable[..., str]:
    """Stores a variant of an image; its key."""

    def add(image_id: str, content: bytes, name: str = "resized", digest: str = "ab" * 32) -> str:
        key = f"variants/{digest[:2]}/{digest}.jpg"
        app.state.runtime.storage().put(key, content, "image/jpeg")
        with ledger.transaction() as connection:
            connection.execute(
                "INSERT INTO variants (image_id, name, key, format, media_type, width, height, size) "
                "VALUES (%s, %s, %s, 'jpeg', 'image/jpeg', 800, 600, %s) "
                "ON CONFLICT (image_id, name) DO UPDATE SET key = excluded.key, size = excluded.size",
                (image_id, name, key, len(content)),
            )
            connection.execute("UPDATE images SET status = 'ready' WHERE id = %s", (image_id,))
        return key

    return add
