"""What one image may be: looked at in its header, before anything is decoded."""

from dataclasses import dataclass

from fanfare_shared.errors import (
    ImageCorruptError,
    ImageEmptyError,
    ImageTooLargeError,
    ImageTooManyFramesError,
    ImageTooManyPixelsError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_pixels`: of all frames together. `max_side`: pixels; 65,500 is libjpeg's own."""

    max_bytes: int = 104_857_600
    max_pixels: int = 200_000_000
    max_frames: int = 500
    max_side: int = 65_500

    def check_bytes(self, size: int) -> None:
        if size == 0:
            raise ImageEmptyError
        if size > self.max_bytes:
            raise ImageTooLargeError(f"The file has {size:,} bytes; the limit is {self.max_bytes:,}")

    def check_canvas(self, width: int, height: int, pages: int) -> None:
        if min(width, height) < 1:
            raise ImageCorruptError(f"The image says it is {width:,} x {height:,} pixels")
        if pages > self.max_frames:
            raise ImageTooManyFramesError(f"The animation has {pages:,} frames; the limit is {self.max_frames:,}")
        if max(width, height) > self.max_side:
            raise ImageTooManyPixelsError(
                f"The image is {width:,} x {height:,} pixels; the limit of a side is {self.max_side:,}"
            )
        if width * height * pages > self.max_pixels:
            frames = f" x {pages:,} frames" if pages > 1 else ""
            raise ImageTooManyPixelsError(
                f"The image is {width:,} x {height:,} pixels{frames}; the limit is {self.max_pixels:,} together"
            )
