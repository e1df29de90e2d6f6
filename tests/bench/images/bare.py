"""The bare work, without Fanfare: one photo after the other into 800 x 600 at quality 85.

Run as a program: `python -m bench.images.bare pyvips|pillow COUNT OUT FILE…` prints a JSON line with seconds, CPU seconds
and images. OUT is a folder that the results are written to, as the peers' own users would; `-` writes none and reads each
file only once: then it is the call alone.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

WIDTH, HEIGHT, QUALITY = 800, 600, 85


def pyvips_call() -> Callable[[bytes], bytes]:
    os.environ["VIPS_CONCURRENCY"] = "1"
    import pyvips  # noqa: PLC0415 - libvips reads the environment when it begins

    pyvips.cache_set_max(0)

    def call(data: bytes) -> bytes:
        image = pyvips.Image.thumbnail_buffer(data, WIDTH, height=HEIGHT, size="down")
        return bytes(image.jpegsave_buffer(Q=QUALITY))

    return call


def pillow_call() -> Callable[[bytes], bytes]:
    from PIL import Image  # noqa: PLC0415 - not in a process that measures libvips

    def call(data: bytes) -> bytes:
        with Image.open(BytesIO(data)) as image:
            image.thumbnail((WIDTH, HEIGHT))
            written = BytesIO()
            image.save(written, "JPEG", quality=QUALITY)
        return written.getvalue()

    return call


_CALLS = {"pyvips": pyvips_call, "pillow": pillow_call}


def main(library: str, count: int, out: Path | None, files: list[Path]) -> None:
    call = _CALLS[library]()
    held = [file.read_bytes() for file in files]
    call(held[0])  # the first one loads codecs
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        which = number % len(files)
        if out is None:
            call(held[which])
        else:
            (out / f"{os.getpid()}-{number}.jpg").write_bytes(call(files[which].read_bytes()))
    print(
        json.dumps({"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu, "images": count})
    )


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]),
        None if sys.argv[3] == "-" else Path(sys.argv[3]),
        [Path(p) for p in sys.argv[4:]],
    )
