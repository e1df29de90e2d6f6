"""How large a variant becomes. Pure arithmetic: pixels in, pixels out."""

from dataclasses import dataclass

from fanfare_shared.images.pipeline import Cover, Crop, Exact, Fit

CLOSE = 2 / 3
"""A side longer than this part of the largest one's would be blurred by a second resampling so slight."""


@dataclass(frozen=True, slots=True)
class Target:
    """First resized to `scaled_width` x `scaled_height`, then, where `crop` is given, cut to `width` x `height`."""

    scaled_width: int
    scaled_height: int
    width: int
    height: int
    crop: Crop | None = None


def target_of(geometry: Fit | Cover | Exact | None, width: int, height: int) -> Target:
    """What an image of `width` x `height`, as shown, becomes."""
    if geometry is None:
        return Target(width, height, width, height)
    if isinstance(geometry, Fit):
        return _fit(geometry, width, height)
    if isinstance(geometry, Cover):
        return _cover(geometry, width, height)
    wide = geometry.width if geometry.enlarge else min(geometry.width, width)
    high = geometry.height if geometry.enlarge else min(geometry.height, height)
    return Target(wide, high, wide, high)


def _fit(fit: Fit, width: int, height: int) -> Target:
    scale = min(
        fit.max_width / width if fit.max_width else float("inf"),
        fit.max_height / height if fit.max_height else float("inf"),
    )
    scale = scale if fit.enlarge else min(scale, 1.0)
    wide, high = _side(width * scale), _side(height * scale)
    return Target(wide, high, wide, high)


def _cover(cover: Cover, width: int, height: int) -> Target:
    scale = max(cover.width / width, cover.height / height)
    # A small image: the box shrinks until the image covers it unenlarged.
    box = 1.0 if cover.enlarge else min(1.0, 1 / scale)
    wide, high = _side(cover.width * box), _side(cover.height * box)
    scale *= box
    scaled_width, scaled_height = max(wide, _side(width * scale)), max(high, _side(height * scale))
    crop = cover.crop if (scaled_width, scaled_height) != (wide, high) else None
    return Target(scaled_width, scaled_height, wide, high, crop)


def base_of(targets: list[Target], width: int, height: int) -> tuple[int, int]:
    """The size an image of `width` x `height` is decoded to, once, for all `targets` to be made from; never an enlargement.

    The largest target's own size, so that it is resampled once only; half as much again where another is close to it.
    """
    wide = max(target.scaled_width for target in targets)
    high = max(target.scaled_height for target in targets)
    if any(_is_close(target.scaled_width, wide) or _is_close(target.scaled_height, high) for target in targets):
        wide, high = _side(wide / CLOSE), _side(high / CLOSE)
    return min(wide, width), min(high, height)


def is_well_below(target: Target, width: int, height: int) -> bool:
    """Whether `target` can be made from a picture of `width` x `height` that was resampled before, without a blur to be seen."""
    return target.scaled_width <= width * CLOSE and target.scaled_height <= height * CLOSE


def _is_close(side: int, largest: int) -> bool:
    return largest * CLOSE < side < largest


def _side(pixels: float) -> int:
    return max(1, round(pixels))
