"""One original a digest: the same bytes again are another image of it, and are not kept twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from fanfare_api.uploads.receiving import StoredFile
from fanfare_shared.errors import UnavailableError
from fanfare_shared.ids import uuid7

# In the digests' order, so that two requests with the same files wait for one another instead of deadlocking. The update
# changes nothing of an original that has its file, and locks it: nobody removes it before our image is committed.
_CLAIM = text("""
INSERT INTO originals AS o (id, digest, key, size, media_type)
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:digests AS bytea[]), CAST(:keys AS text[]), CAST(:sizes AS bigint[]),
                     CAST(:media_types AS text[])) AS n(id, digest, key, size, media_type)
ORDER BY n.digest
ON CONFLICT (digest) DO UPDATE SET key = coalesce(o.key, excluded.key), dropped_at = NULL
RETURNING id, digest, key
""")
_SPARE = text("DELETE FROM doomed_objects WHERE key = ANY(:keys)")
_IMAGES_OF = text("""
SELECT DISTINCT ON (o.id) o.digest, i.id
FROM originals o JOIN images i ON i.original_id = o.id
WHERE o.id = ANY(:ids) AND i.trashed_at IS NULL
ORDER BY o.id, i.id
""")


@dataclass(frozen=True)
class Originals:
    """By digest, the original's id, and the image that had it before, if any. `kept`: keys that originals now have."""

    ids: Mapping[bytes, UUID]
    images: Mapping[bytes, UUID]
    kept: frozenset[str]


async def claim_originals(session: AsyncSession, files: Sequence[StoredFile]) -> Originals:
    """Finds or makes the files' originals. Raises UnavailableError where an object was removed before it got here."""
    by_digest = {file.digest: file for file in reversed(files)}
    rows = (
        await session.execute(
            _CLAIM,
            {
                "ids": [uuid7() for _ in by_digest],
                "digests": list(by_digest),
                "keys": [file.key for file in by_digest.values()],
                "sizes": [file.size for file in by_digest.values()],
                "media_types": [file.media_type for file in by_digest.values()],
            },
        )
    ).all()
    ids = {row.digest: row.id for row in rows}
    kept = frozenset(row.key for row in rows if row.key == by_digest[row.digest].key)
    if kept:
        spared = await session.execute(_SPARE, {"keys": list(kept)})
        if getattr(spared, "rowcount", 0) != len(kept):
            raise UnavailableError("The upload took so long that its file was removed: send it again")
    images = {}
    if len(kept) < len(rows):
        there_before = [row.id for row in rows if row.key not in kept]
        images = {row.digest: row.id for row in await session.execute(_IMAGES_OF, {"ids": there_before})}
    return Originals(ids, images, kept)
