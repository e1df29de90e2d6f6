"""Names for images that come into a folder, where a folder may have a name already."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from fanfare_shared.db.connection import Connection
from fanfare_shared.images.file_names import numbered

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

_FIND = """
SELECT m.id, m.folder_id, m.name
FROM unnest(%s::uuid[], %s::text[]) AS w (folder_id, name)
JOIN images m ON m.name = w.name AND m.folder_id IS NOT DISTINCT FROM w.folder_id
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
    staying: set[int] = set()
    while True:
        stay_at = {old for at in staying if (old := wishes[at].old) is not None}
        names, numbers = _choose(wishes, collision, taken.places | stay_at)
        if taken.look((wish.place[0], name) for wish, name in zip(wishes, names, strict=True) if name is not None):
            # As far again as was tried: so a name that thousands have already takes few turns.
            ahead = ((place, number) for place, tried in numbers.items() for number in range(tried + 1, 2 * tried + 1))
            taken.look((folder, numbered(name, number)) for (folder, name), number in ahead)
            continue
        unnamed = {at for at, name in enumerate(names) if name is None}
        if unnamed <= staying:
            return names
        staying |= unnamed


def _choose(
    wishes: Sequence[Wish], collision: Collision, taken: Collection[Place]
) -> tuple[list[str | None], dict[Place, int]]:
    """The names, and the highest number that was tried for each place."""
    used = set(taken)
    numbers: dict[Place, int] = {}
    names: list[str | None] = []
    for wish in wishes:
        folder, name = wish.place
        chosen: str | None = name
        if wish.place in used and collision is not Collision.NUMBER:
            chosen = None
        while (folder, chosen) in used:
            numbers[wish.place] = numbers.get(wish.place, 0) + 1
            chosen = numbered(name, numbers[wish.place])
        if chosen is not None:
            used.add((folder, chosen))
        names.append(chosen)
    return names, numbers


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
        found = self._find(new)
        self.places |= found
        return found

    def _find(self, places: set[Place]) -> set[Place]:
        if not places:
            return set()
        folders, names = [folder for folder, _ in places], [name for _, name in places]
        rows = self._connection.execute(_FIND, (folders, names))
        return {(folder, name) for image_id, folder, name in rows if image_id not in self._movers}
