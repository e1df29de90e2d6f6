"""What a batch's images are to become: their variants' keys, and which of those objects are there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from fanfare_shared.db.connection import Connection
from fanfare_shared.images import batches
from fanfare_shared.images.errors import WatermarkMissingError
from fanfare_shared.images.formats import FACTS, ImageFormat, written_format
from fanfare_shared.images.naming import output_key
from fanfare_shared.images.pipeline import Pipeline, Variant
from fanfare_shared.images.rows import ItemRow, MadeVariant, WatermarkRow

_FORMATS = {facts.media_type: image_format for image_format, facts in FACTS.items()}


@dataclass
class Plan:
    """Of one batch. `known`: the objects that storage has, by key; nobody removes them before the batch is recorded."""

    variants: Sequence[Variant]
    watermarks: Mapping[UUID, WatermarkRow]
    known: dict[str, MadeVariant] = field(default_factory=dict)
    _taken_over: set[str] = field(default_factory=set)

    def keys(self, item: ItemRow, image_format: ImageFormat) -> dict[str, str]:
        """Each variant's key by its name. Raises WatermarkMissingError."""
        digest = item.digest or b""
        return {
            variant.name: output_key(
                digest, variant, written_format(image_format, variant.format), self._watermark_digest(variant)
            )
            for variant in self.variants
        }

    def take_over(self, connection: Connection, keys: Mapping[str, str]) -> None:
        """Before an object is made or used. Nothing where it was done."""
        new = set(keys.values()) - self._taken_over
        self.known |= batches.take_over_variants(connection, new)
        self._taken_over |= new

    def is_taken_over(self, keys: Mapping[str, str]) -> bool:
        return self._taken_over.issuperset(keys.values())

    def _watermark_digest(self, variant: Variant) -> bytes | None:
        if variant.watermark is None or variant.watermark.image_id is None:
            return None
        watermark = self.watermarks.get(variant.watermark.image_id)
        if watermark is None:
            raise WatermarkMissingError(f"There is no image {variant.watermark.image_id} to lay over this one")
        return watermark.digest


def make_plan(connection: Connection, pipeline: Pipeline, items: Sequence[ItemRow]) -> Plan:
    """Takes over what the items' originals, by the types they were uploaded as, are to become."""
    plan = Plan(pipeline.variants, batches.read_watermarks(connection, pipeline.watermark_image_ids))
    if not plan.watermarks.keys() >= pipeline.watermark_image_ids:
        return plan  # each item fails with that
    keys: dict[str, str] = {}
    for item in items:
        image_format = said_format(item)
        if image_format is not None:
            keys |= {f"{item.position} {name}": key for name, key in plan.keys(item, image_format).items()}
    plan.take_over(connection, keys)
    return plan


def said_format(item: ItemRow) -> ImageFormat | None:
    """What the original was uploaded as, by its first bytes."""
    return _FORMATS.get(item.media_type or "")
