"""A progress bar on a terminal, plain lines elsewhere."""

import sys
import time

_WIDTH = 40
_LINE_SECONDS = 2.0


class Progress:
    """Shows `done` of `total` as it grows. Elsewhere than on a terminal, at most a line every two seconds."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._is_terminal = sys.stdout.isatty()
        self._last_line = 0.0

    def show(self, done: int, total: int, note: str = "") -> None:
        share = done / total if total else 0.0
        text = f"{done:>9,} / {total:,}  {share:4.0%}  {note}".rstrip()
        if self._is_terminal:
            filled = int(share * _WIDTH)
            line = f"{self._title} [{'█' * filled}{'·' * (_WIDTH - filled)}] {text}"
            print(f"\r{line}\033[K", end="", flush=True)
        elif time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._last_line = time.monotonic()
            print(f"{self._title} {text}", flush=True)

    def finish(self, done: int, total: int, note: str = "") -> None:
        """Shows the end, whatever was shown last."""
        self._last_line = 0.0
        self.show(done, total, note)
        if self._is_terminal:
            print()
