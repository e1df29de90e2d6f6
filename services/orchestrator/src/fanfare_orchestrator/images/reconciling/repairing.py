"""What is done about a difference. An archive that is gone is only reported: its job is there to be made again."""

from collections import Counter

from fanfare_orchestrator.images.reconciling.comparing import ORIGINALS, VARIANTS, Difference, folder_of
from fanfare_shared.db.connection import Ledger
from fanfare_shared.images.doomed import VARIANT_GRACE_SECONDS, doom, remove_doomed
from fanfare_shared.images.errors import OriginalMissingError
from fanfare_shared.storage.port import Storage

_CHUNK = 500

# In the digests' order, as uploads lock them.
_LOCK_ORIGINALS = "SELECT id FROM originals WHERE key = ANY(%s) ORDER BY digest FOR UPDATE"
# As if dropped: so the same file uploaded again is stored again.
_LOSE_ORIGINALS = "UPDATE originals SET key = NULL, dropped_at = now() WHERE id = ANY(%s)"
_FAIL_IMAGES = """
UPDATE images SET status = 'failed', error_code = %s, error_message = %s, updated_at = now() WHERE original_id = ANY(%s)
"""
# One that a worker made again since has a young row.
_DELETE_VARIANTS = "DELETE FROM variants WHERE key = ANY(%s) AND created_at < now() - interval '1 hour'"


def repair(ledger: Ledger, storage: Storage, part: str, difference: Difference) -> Counter[str]:
    """What was done: `removed_objects`, `doomed_variants` (removed once no worker can be about to name them), `lost_originals`
    with their `failed_images`, `deleted_variants`.
    """
    folder, done = folder_of(part), Counter[str]()
    stray = [stored.key for stored in difference.stray]
    for first in range(0, len(stray), _CHUNK):
        done.update(_remove(ledger, storage, folder, stray[first : first + _CHUNK]))
    for first in range(0, len(difference.missing), _CHUNK):
        done.update(_give_up(ledger, folder, difference.missing[first : first + _CHUNK]))
    return done


def _remove(ledger: Ledger, storage: Storage, folder: str, keys: list[str]) -> dict[str, int]:
    with ledger.transaction() as connection:
        doom(connection, keys, VARIANT_GRACE_SECONDS if folder == VARIANTS else 0)
    if folder == VARIANTS:
        return {"doomed_variants": len(keys)}
    return {"removed_objects": remove_doomed(ledger, storage, keys)}


def _give_up(ledger: Ledger, folder: str, keys: list[str]) -> dict[str, int]:
    with ledger.transaction() as connection:
        if folder == VARIANTS:
            return {"deleted_variants": connection.execute(_DELETE_VARIANTS, (keys,)).rowcount}
        if folder != ORIGINALS:
            return {}
        ids = [row[0] for row in connection.execute(_LOCK_ORIGINALS, (keys,))]
        connection.execute(_LOSE_ORIGINALS, (ids,))
        error = OriginalMissingError
        failed = connection.execute(_FAIL_IMAGES, (error.code, error.title, ids)).rowcount
        return {"lost_originals": len(ids), "failed_images": failed}
