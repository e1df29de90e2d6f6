"""A pipeline: the variants that are made of one image. Pure pydantic: the api validates with it, the worker obeys it."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from fanfare_shared.images.formats import OutputFormat

MAX_SIDE = 16_383
"""Pixels: the longest side WebP can hold, and more than any variant is for."""

MAX_VARIANTS = 20

SLUG = r"^[a-z0-9][a-z0-9_-]{0,39}$"

Side = Annotated[int, Field(ge=1, le=MAX_SIDE, description="Pixels")]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", description="#rrggbb")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Crop(StrEnum):
    """Which part of an image `cover` keeps: what draws the eye, the middle, or where most happens."""

    ATTENTION = "attention"
    CENTRE = "centre"
    ENTROPY = "entropy"


class Position(StrEnum):
    TOP_LEFT = "top-left"
    TOP = "top"
    TOP_RIGHT = "top-right"
    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom-right"


class Metadata(StrEnum):
    """What is written of the original's metadata: nothing, or EXIF's Artist and Copyright only."""

    STRIP = "strip"
    COPYRIGHT = "copyright"


class Fit(_Model):
    """As large as fits inside the box, its proportions kept. One of the sides may be left open."""

    mode: Literal["fit"] = "fit"
    max_width: Side | None = None
    max_height: Side | None = None
    enlarge: bool = False

    @model_validator(mode="after")
    def _has_a_side(self) -> Self:
        if self.max_width is None and self.max_height is None:
            raise ValueError("give max_width, max_height or both")
        return self


class Cover(_Model):
    """Fills the box and crops what is over. Without `enlarge` a small image gets a smaller box of the same proportions."""

    mode: Literal["cover"]
    width: Side
    height: Side
    crop: Crop = Crop.ATTENTION
    enlarge: bool = False


class Exact(_Model):
    """Exactly these sides, whatever becomes of the proportions. Without `enlarge` a side is never longer than it was."""

    mode: Literal["exact"]
    width: Side
    height: Side
    enlarge: bool = False


def _mode(value: Any) -> str:
    mode = value.get("mode", "fit") if isinstance(value, dict) else getattr(value, "mode", "fit")
    return str(mode)


Resize = Annotated[
    Annotated[Fit, Tag("fit")] | Annotated[Cover, Tag("cover")] | Annotated[Exact, Tag("exact")],
    Discriminator(
        _mode,
        custom_error_type="resize_mode",
        custom_error_message="mode must be fit, cover or exact",
    ),
]


class Watermark(_Model):
    """A text or an uploaded image, laid over the variant after resizing; shrunk where it would not fit.

    `scale`: its width as a part of the variant's; without it a text has `size` and an image its own size.
    `size`: a text's height in pixels. `margin`: pixels to the edge, or between tiles.
    """

    text: str | None = Field(default=None, min_length=1, max_length=200)
    image_id: UUID | None = None
    size: int = Field(default=24, ge=6, le=1000)
    colour: Colour = "#ffffff"
    position: Position = Position.BOTTOM_RIGHT
    opacity: float = Field(default=0.5, gt=0, le=1)
    scale: float | None = Field(default=None, gt=0, le=1)
    tile: bool = False
    margin: int = Field(default=10, ge=0, le=1000)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.text is None) == (self.image_id is None):
            raise ValueError("give text or image_id, one of them")
        if self.text is not None and not self.text.strip():
            raise ValueError("text must not be blank")
        return self


class Variant(_Model):
    """One output. Without `resize` and `thumbnail` it has the original's size."""

    name: str = Field(pattern=SLUG)
    resize: Resize | None = None
    thumbnail: Side | None = Field(default=None, description="Short for a square `cover` of that side")
    watermark: Watermark | None = None
    format: OutputFormat = OutputFormat.ORIGINAL
    quality: int = Field(default=85, ge=1, le=100)
    background: Colour = "#ffffff"
    metadata: Metadata = Metadata.STRIP

    @model_validator(mode="after")
    def _is_resized_once(self) -> Self:
        if self.resize is not None and self.thumbnail is not None:
            raise ValueError("give resize or thumbnail, not both")
        return self

    @property
    def geometry(self) -> Fit | Cover | Exact | None:
        """`resize`, or what `thumbnail` is short for."""
        if self.thumbnail is not None:
            return Cover(mode="cover", width=self.thumbnail, height=self.thumbnail)
        return self.resize


class Pipeline(_Model):
    """The variants of an image, each by its name."""

    variants: list[Variant] = Field(min_length=1, max_length=MAX_VARIANTS)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [variant.name for variant in self.variants]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two variants are called {', '.join(twice)}")
        return self

    @property
    def watermark_image_ids(self) -> frozenset[UUID]:
        """The uploaded images it lays over others."""
        marks = (variant.watermark for variant in self.variants)
        return frozenset(mark.image_id for mark in marks if mark is not None and mark.image_id is not None)


RESIZED = Variant(name="resized", resize=Fit(max_width=800, max_height=600))
DEFAULT_PIPELINE = Pipeline(variants=[RESIZED])
"""What an upload gets that asks for nothing."""
