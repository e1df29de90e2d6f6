"""The targets of `POST /v1/image-jobs`: which images a folder, all and the trash mean."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

AddImages = Callable[..., list[UUID]]
Ask = Callable[..., Awaitable[httpx.Response]]
Rows = Callable[..., list[dict[str, Any]]]

PROCESS: dict[str, Any] = {"preset": "default"}


@pytest.mark.parametrize(
    ("target", "kept", "accepted"),
    [
        ({"all": True}, {"all": True}, 8),
        ({"all": True, "owner": "me"}, {"all": True, "owner": "me"}, 2),
        ({"folder": "a"}, {"folder_id": "a", "recursive": False}, 2),
        ({"folder_id": "a"}, {"folder_id": "a", "recursive": False}, 2),
        ({"folder": "a/", "recursive": True}, {"folder_id": "a", "recursive": True}, 6),
        ({"folder": "a", "recursive": True, "owner": "me"}, {"folder_id": "a", "recursive": True, "owner": "me"}, 2),
        ({"folder": "a/b", "recursive": True}, {"folder_id": "b", "recursive": True}, 4),
        ({"folder_id": None}, {"folder_id": None, "recursive": False}, 1),
        ({"folder_id": None, "recursive": True}, {"folder_id": None, "recursive": True}, 8),
    ],
    ids=str,
)
async def test_a_target_means_the_images_it_says(
    ask: Ask, tree: dict[str, UUID], ledger_rows: Rows, target: dict[str, Any], kept: dict[str, Any], accepted: int
) -> None:
    def with_ids(of: dict[str, Any]) -> dict[str, Any]:
        return of | ({"folder_id": str(tree[of["folder_id"]])} if of.get("folder_id") else {})

    answer = await ask(target=with_ids(target), **PROCESS)
    assert (answer.status_code, answer.json()["accepted"]) == (202, accepted), answer.text
    assert ledger_rows("image_jobs")[0]["target"] == with_ids(kept)


@pytest.mark.parametrize("kind", ["restore", "purge"])
@pytest.mark.parametrize(("before", "accepted"), [(None, 2), ("2026-01-15T00:00:00+00:00", 1)])
async def test_the_trash_is_a_target_of_its_own(
    ask: Ask, tree: dict[str, UUID], ledger_rows: Rows, kind: str, before: str | None, accepted: int
) -> None:
    answer = await ask(target={"trashed_before": before}, operation={"kind": kind})
    assert (answer.status_code, answer.json()["accepted"]) == (202, accepted), answer.text
    assert ledger_rows("image_jobs")[0]["target"] == {"trashed_before": before}


async def test_what_a_folder_holds_of_no_use_is_rejected_too(ask: Ask, add_images: AddImages) -> None:
    (broken,) = add_images(status="failed", format=None)
    dropped = add_images(2, key=None)
    add_images(4)
    answer = (await ask(target={"all": True}, **PROCESS)).json()
    assert (answer["accepted"], answer["rejected"]["codes"]) == (4, {"IMAGE_FAILED": 1, "ORIGINAL_DROPPED": 2})
    assert [item["id"] for item in answer["rejected"]["first"]] == [str(image_id) for image_id in (broken, *dropped)]
