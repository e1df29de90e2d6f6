"""Names for images that come into a folder, where a folder may have a name already."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from uuid import UUID

from fanfare_shared.db.connection import Connection
from fanfare_shared.images.file_names import numbered, numbered_prefix

Place = tuple[UUID | None, str]
"""A folder's id (null: the top) and a name in it."""

# Those who lock single folders share the tree; more of them than this lock all of it, for locks are few.
_MOST_FOLDERS = 100
_TREE = 0x6E616D6573
_LOCK_TREE = "SELECT pg_advisory_xact_lock(%s)"
_SHARE_TREE = "SELECT pg_advisory_xact_lock_shared(%s)"
_LOCK_FOLDERS = """
SELECT pg_advisory_xact_lock(%s, hashtext(folder)) FROM (SELECT unnest(%s::text[]) AS folder ORDER BY 1) AS folders
"""
_LOCKED_AS = 0x666F6C64

_EXACT = """
SELECT m.id, m.folder_id, m.name
FROM unnest(%s::uuid[], %s::text[]) AS w (folder_id, name)
JOIN images m ON m.name = w.name AND m.folder_id IS NOT DISTINCT FROM w.folder_id
WHERE m.trashed_at IS NULL
"""
# The operators of `images_by_name`, an index by bytes; `)` is the next after `(`.
_NUMBERED = """
SELECT m.id, m.folder_id, m.name
FROM unnest(%s::uuid[], %s::text[]) AS w (folder_id, prefix)
JOIN images m ON m.name ~>=~ w.prefix AND m.name ~<~ (rtrim(w.prefix, '(') || ')')
     AND m.folder_id IS NOT DISTINCT FROM w.folder_id
WHERE m.trashed_at IS NULL
"""


class Collision(StrEnum):
    """What is done where a name is taken: another is made of it, nothing is done, the item fails."""

    NUMBER = "number"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Wish:
    """Where an image is to go; `old` is the place that it leaves, none for a copy."""

    place: Place
    old: Place | None = None


def lock_folders(connection: Connection, folders: Iterable[UUID | None]) -> None:
    """Until the transaction ends nobody else names images in these folders. Once a transaction, before its other locks."""
    names = {str(folder) for folder in folders}
    if len(names) > _MOST_FOLDERS:
        connection.execute(_LOCK_TREE, (_TREE,))
    else:
        connection.execute(_SHARE_TREE, (_TREE,))
        connection.execute(_LOCK_FOLDERS, (_LOCKED_AS, list(names)))


def choose_names(
    connection: Connection, wishes: Sequence[Wish], collision: Collision, movers: Collection[UUID]
) -> list[str | None]:
    """A name for each wish, in order; None where the name is taken and `collision` makes no other.

    The places that `movers` leave are free, but for those of the images that get no name and stay. The folders must be locked.
    """
    taken = _Taken(connection, movers)
    colliding = taken.look(wish.place for wish in wishes)
    if collision is Collision.NUMBER:
        taken.look_for_numbers(colliding | _repeated(wishes))
    staying: set[int] = set()
    while True:
        stay_at = {old for at in staying if (old := wishes[at].old) is not None}
        names = _choose(wishes, collision, taken.places | stay_at)
        chosen = [(wish.place[0], name) for wish, name in zip(wishes, names, strict=True) if name is not None]
        if taken.look(chosen):
            continue
        unnamed = {at for at, name in enumerate(names) if name is None}
        if unnamed <= staying:
            return names
        staying |= unnamed


def _choose(wishes: Sequence[Wish], collision: Collision, taken: Collection[Place]) -> list[str | None]:
    used = set(taken)
    numbers: dict[Place, Iterable[int]] = {}
    names: list[str | None] = []
    for wish in wishes:
        folder, name = wish.place
        chosen: str | None = name
        if wish.place in used:
            following = numbers.setdefault(wish.place, count(1))
            tries = (numbered(name, number) for number in following)
            chosen = next(one for one in tries if (folder, one) not in used) if collision is Collision.NUMBER else None
        if chosen is not None:
            used.add((folder, chosen))
        names.append(chosen)
    return names


def _repeated(wishes: Sequence[Wish]) -> set[Place]:
    seen: set[Place] = set()
    return {wish.place for wish in wishes if wish.place in seen or seen.add(wish.place)}  # type: ignore[func-returns-value] # None is false


class _Taken:
    """The names that untrashed images have, those of `movers` left out, as far as they were asked for."""

    def __init__(self, connection: Connection, movers: Collection[UUID]) -> None:
        self._connection = connection
        self._movers = frozenset(movers)
        self._asked: set[Place] = set()
        self.places: set[Place] = set()

    def look(self, places: Iterable[Place]) -> set[Place]:
        """Those of the places that were not asked for before and are taken."""
        new = set(places) - self._asked
        self._asked |= new
        return self._find(_EXACT, new) & new

    def look_for_numbers(self, places: Iterable[Place]) -> None:
        self._find(_NUMBERED, {(folder, numbered_prefix(name)) for folder, name in places})

    def _find(self, query: str, places: set[Place]) -> set[Place]:
        if not places:
            return set()
        folders, names = [folder for folder, _ in places], [name for _, name in places]
        rows = self._connection.execute(query, (folders, names))
        found = {(folder, name) for image_id, folder, name in rows if image_id not in self._movers}
        self.places |= found
        return found
