"""A pipeline that lays an uploaded image over others needs that image."""

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_shared.errors import InvalidRequestError
from fanfare_shared.images.pipeline import Pipeline

_USABLE = text("""
SELECT i.id FROM images i JOIN originals o ON o.id = i.original_id
WHERE i.id = ANY(:ids) AND i.trashed_at IS NULL AND o.key IS NOT NULL
""")


async def check_watermarks(session: AsyncSession, pipeline: Pipeline) -> None:
    """Raises InvalidRequestError where a watermark's image is unknown, trashed, or its original dropped."""
    if not (wanted := pipeline.watermark_image_ids):
        return
    usable = {row.id for row in await session.execute(_USABLE, {"ids": list(wanted)})}
    if missing := sorted(wanted - usable):
        raise InvalidRequestError(f"watermark.image_id: there is no image {missing[0]} with its original")
