"""How large a variant becomes. Pure arithmetic: pixels in, pixels out."""

from dataclasses import dataclass

from fanfare_shared.images.pipeline import Cover, Crop, Exact, Fit

CLOSE = 2 / 3
"""A variant nearer to the largest one's scale than this would be blurred by a second resampling so slight."""


@dataclass(frozen=True, slots=True)
class Target:
    """First resized to `scaled_width` x `scaled_height`, then, where `crop` is given, cut to `width` x `height`."""

    scaled_width: int
    scaled_height: int
    width: int
    height: int
    crop: Crop | None = None

    def scale(self, width: int, height: int) -> float:
        """The larger of the two sides' scales, of an image of `width` x `height`."""
        return max(self.scaled_width / width, self.scaled_height / height)


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
    """The size that an image is decoded to, once, for all `targets` to be made from; never larger than it is.

    The largest target's own size, so that it needs no second resampling; half as much again where another is close to it.
    """
    if len(targets) == 1 or len({(target.scaled_width, target.scaled_height) for target in targets}) == 1:
        only = targets[0]
        return min(only.scaled_width, width), min(only.scaled_height, height)
    scales = sorted({target.scale(width, height) for target in targets}, reverse=True)
    largest = scales[0]
    if len(scales) > 1 and scales[1] > largest * CLOSE:
        largest *= 1 / CLOSE
    largest = min(largest, 1.0)
    return _side(width * largest), _side(height * largest)


def _side(pixels: float) -> int:
    return max(1, round(pixels))
