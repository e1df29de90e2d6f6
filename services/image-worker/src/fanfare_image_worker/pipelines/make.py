"""One image: its original from storage, its variants made and stored. The ledger learns of it from whoever calls."""

import time
from dataclasses import dataclass
from uuid import UUID

from fanfare_image_worker.engine.header import Header, inspect
from fanfare_image_worker.engine.render import Rendered, render
from fanfare_image_worker.patience import patiently
from fanfare_image_worker.pipelines.plan import Plan, said_format
from fanfare_image_worker.process import WorkingProcess
from fanfare_image_worker.time_limit import TimeLimit
from fanfare_shared.contracts.words import Lane, Operation
from fanfare_shared.errors import (
    ImageOutOfMemoryError,
    ImageRejectedError,
    ObjectMissingError,
)
from fanfare_shared.images import batches
from fanfare_shared.images.errors import (
    ImageTrashedError,
    ImageUnknownError,
    ItemError,
    OriginalGoneError,
)
from fanfare_shared.images.formats import FACTS
from fanfare_shared.images.rows import Claim, Done, ItemRow, MadeVariant, OriginalFacts


@dataclass(frozen=True, slots=True)
class Heavy:
    """An image that is not for this lane. `facts` where they were found out just now."""

    item: ItemRow
    facts: OriginalFacts | None


class Maker:
    """For one batch."""

    def __init__(self, process: WorkingProcess, claim: Claim, plan: Plan) -> None:
        self._process = process
        self._operation = claim.job.operation
        self._heavy_bytes = None if claim.lane is Lane.HEAVY else process.settings.image_heavy_bytes
        self._plan = plan

    def make(self, item: ItemRow) -> Done | Heavy:
        """What became of the item; nothing that a second try would not make succeed is raised.

        Raises StorageUnavailableError, LedgerUnavailableError.
        """
        if self._is_heavy(item.price):
            return Heavy(item, None)
        began = time.monotonic()
        done = Done(item)
        try:
            self._work(done)
        except (ImageRejectedError, ItemError) as error:
            done.error = error
        except MemoryError:
            done.error = ImageOutOfMemoryError()
        done.seconds = time.monotonic() - began
        if done.error is None and len(done.variants) < len(self._plan.variants):
            return Heavy(item, done.facts)
        return done

    def _work(self, done: Done) -> None:
        """Leaves variants out where the header says that the image is heavy."""
        item = done.item
        key = _workable(item, self._operation)
        image_format = said_format(item)
        keys = self._plan.keys(item, image_format) if image_format is not None else {}
        if keys and self._reuse(done, keys):
            return
        limit = TimeLimit(self._process.settings.image_time_limit_seconds)
        data = self._fetch(item, key)
        with limit:
            header = inspect(data, self._process.settings.limits)
        done.facts = _facts(header)
        if self._is_heavy(header.price):
            return
        if header.format is not image_format:
            keys = self._plan.keys(item, header.format)
            done.variants.clear()
        if not self._plan.is_taken_over(keys):
            patiently(self._process, lambda connection: self._plan.take_over(connection, keys))
        self._reuse(done, keys)
        missing = [variant for variant in self._plan.variants if variant.name not in done.variants]
        rendering = render(data, missing, self._process.settings.limits, self._watermarks(), header)
        for rendered in limit.over(rendering):
            done.variants[rendered.name] = self._store(keys[rendered.name], rendered)

    def _reuse(self, done: Done, keys: dict[str, str]) -> bool:
        """Takes what is there; whether that is all."""
        known = self._plan.known
        for name, key in keys.items():
            if name not in done.variants and key in known and self._is_stored(known[key]):
                done.variants[name] = known[key]
        return len(done.variants) == len(keys)

    def _is_stored(self, made: MadeVariant) -> bool:
        """Whether storage has it as the ledger says: it may have been lost since, or cut short with the power."""
        try:
            return self._process.storage.head(made.key).size == made.size
        except ObjectMissingError:
            return False

    def _fetch(self, item: ItemRow, key: str) -> bytes:
        try:
            return self._process.storage.get(key)
        except ObjectMissingError as error:
            raise patiently(self._process, lambda one: batches.why_missing(one, item.image_id)) from error

    def _store(self, key: str, rendered: Rendered) -> MadeVariant:
        # Should the power fail, it can be made again.
        self._process.storage.put(key, rendered.data, rendered.media_type, durable=False)
        made = MadeVariant(
            key=key,
            format=rendered.format.value,
            media_type=rendered.media_type,
            width=rendered.width,
            height=rendered.height,
            pages=rendered.pages,
            size=len(rendered.data),
        )
        self._plan.known[key] = made
        return made

    def _watermarks(self) -> dict[UUID, bytes]:
        return {image_id: self._process.watermark_files.get(row) for image_id, row in self._plan.watermarks.items()}

    def _is_heavy(self, price: int | None) -> bool:
        return self._heavy_bytes is not None and price is not None and price > self._heavy_bytes


def _workable(item: ItemRow, operation: Operation) -> str:
    """The original's key. Raises ItemError."""
    if item.original_id is None:
        raise ImageUnknownError
    # An upload is finished in the trash too: whoever restores it finds its variants.
    if item.is_trashed and operation is not Operation.UPLOAD:
        raise ImageTrashedError
    if item.key is None:
        raise OriginalGoneError
    return item.key


def _facts(header: Header) -> OriginalFacts:
    return OriginalFacts(
        format=header.format.value,
        media_type=FACTS[header.format].media_type,
        width=header.width,
        height=header.height,
        pages=header.pages,
        price=header.price,
    )
