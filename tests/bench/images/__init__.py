"""The figures of image jobs. `make bench ARGS=images` takes all of them, `ARGS=image-cost` and so on one part."""

from collections.abc import Callable, Mapping

from bench.context import Bench
from bench.images import cost, file_operations, interactive, memory, throughput, upload_memory
from bench.report import Figure

PARTS: Mapping[str, Callable[[Bench], list[Figure]]] = {
    "image-cost": cost.run,
    "image-throughput": throughput.run,
    "image-interactive": interactive.run,
    "image-memory": memory.run,
    "image-files": file_operations.run,
    "image-upload": upload_memory.run,
}


def run(bench: Bench) -> list[Figure]:
    return [figure for part in PARTS.values() for figure in part(bench)]
