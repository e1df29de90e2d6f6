"""What is read of images. A trashed one is not there, but in the trash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.http.pagination import PageRequest, fetch_page
from fanfare_api.images.schemas import ErrorShown, ImageShown, OriginalShown, VariantShown
from fanfare_shared.contracts.words import ImageStatus
from fanfare_shared.db.tables import Folder, Image, Original, StoredVariant
from fanfare_shared.errors import NotFoundError
from fanfare_shared.images.formats import FACTS, ImageFormat
from fanfare_shared.images.naming import download_name

_FOLDER_PATHS = text("SELECT id, path FROM folders WHERE id = ANY(:ids)")


@dataclass(frozen=True)
class ImageFilter:
    """`below`: a folder's path, whose whole tree is meant; `folder_id`: that folder alone. `name` may end with `*`."""

    folder_id: UUID | None = None
    at_top: bool = False
    below: str | None = None
    owner: str | None = None
    status: ImageStatus | None = None
    name: str | None = None
    trashed: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [
            col(Image.trashed_at).is_not(None) if self.trashed else col(Image.trashed_at).is_(None)
        ]
        if self.folder_id is not None or self.at_top:
            found.append(col(Image.folder_id).is_not_distinct_from(self.folder_id))
        if self.below is not None:
            path = col(Folder.path)
            low, high = f"{self.below}/", f"{self.below}0"  # 0 is the character that follows /
            below = select(Folder.id).where(
                (path == self.below) | (path.bool_op("~>=~")(low) & path.bool_op("~<~")(high))
            )
            found.append(col(Image.folder_id).in_(below))
        if self.owner is not None:
            found.append(col(Image.owner) == self.owner)
        if self.status is not None:
            found.append(col(Image.status) == self.status.value)
        if self.name is not None:
            found += _named(self.name)
        return found


def _named(name: str) -> list[ColumnElement[bool]]:
    column = col(Image.name)
    if not name.endswith("*"):
        return [column == name]
    prefix = name[:-1]
    starts: list[ColumnElement[bool]] = [column.bool_op("~>=~")(prefix)] if prefix else []
    return [*starts, column.bool_op("~<~")(end)] if (end := _after(prefix)) else starts


def _after(prefix: str) -> str:
    """The first text after all that begin with `prefix`; empty where there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)


async def get_image(session: AsyncSession, image_id: UUID, *, trashed: bool = False, lock: bool = False) -> Image:
    """Raises NotFoundError, also where the image is in the trash and `trashed` is false, or the other way round."""
    image = await session.get(Image, image_id, with_for_update=lock or None)
    if image is None or (image.trashed_at is not None) != trashed:
        where = " in the trash" if trashed else ""
        raise NotFoundError(f"There is no image {image_id}{where}")
    return image


async def list_images(
    session: AsyncSession, page: PageRequest, wanted: ImageFilter
) -> tuple[list[ImageShown], str | None]:
    """A page of images and the next page's cursor."""
    statement = select(Image).where(*wanted.conditions())
    images, next_cursor = await fetch_page(session, statement, col(Image.id), page)
    return await show_images(session, images), next_cursor


async def show_image(session: AsyncSession, image: Image) -> ImageShown:
    return (await show_images(session, [image]))[0]


async def show_images(session: AsyncSession, images: Sequence[Image]) -> list[ImageShown]:
    """With their originals, folders and variants: three statements, however many there are."""
    if not images:
        return []
    originals = {
        original.id: original
        for original in await session.exec(
            select(Original).where(col(Original.id).in_({image.original_id for image in images}))
        )
    }
    folder_ids = {image.folder_id for image in images if image.folder_id is not None}
    paths: dict[UUID | None, str] = {}
    if folder_ids:
        paths = {row.id: row.path for row in await session.execute(_FOLDER_PATHS, {"ids": list(folder_ids)})}
    variants: dict[UUID, list[StoredVariant]] = {image.id: [] for image in images}
    for variant in await session.exec(
        select(StoredVariant).where(col(StoredVariant.image_id).in_(variants)).order_by(StoredVariant.name)
    ):
        variants[variant.image_id].append(variant)
    return [_shown(image, originals[image.original_id], paths, variants[image.id]) for image in images]


def _shown(
    image: Image, original: Original, paths: Mapping[UUID | None, str], variants: Sequence[StoredVariant]
) -> ImageShown:
    address = f"/v1/images/{image.id}"
    values: dict[str, Any] = image.model_dump(exclude={"original_id", "error_code", "error_message"})
    error = ErrorShown(code=image.error_code, message=image.error_message or "") if image.error_code else None
    return ImageShown(
        **values,
        error=error,
        folder=paths.get(image.folder_id),
        original=OriginalShown(
            size=original.size,
            media_type=original.media_type,
            width=original.width,
            height=original.height,
            address=f"{address}/original",
            dropped_at=original.dropped_at,
        ),
        variants={
            variant.name: VariantShown(
                size=variant.size,
                format=variant.format,
                media_type=variant.media_type,
                width=variant.width,
                height=variant.height,
                pages=variant.pages,
                filename=variant_filename(image, variant),
                address=f"{address}/variants/{variant.name}?v={version_of(variant.key)}",
            )
            for variant in variants
        },
    )


def version_of(key: str) -> str:
    """A variant's bytes, in a word: its key is a hash of what made them."""
    return key.rpartition("/")[2].partition(".")[0][:32]


def variant_filename(image: Image, variant: StoredVariant) -> str:
    return download_name(image.name, variant.name, FACTS[ImageFormat(variant.format)].extension)
