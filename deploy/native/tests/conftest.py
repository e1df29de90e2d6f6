"""A stack of its own for each test that wants one: in another folder than the clone's, so neither knows the other."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fanfare_native import stack
from fanfare_native.layout import Layout

_CLONE = Path(__file__).resolve().parents[3]


@pytest.fixture
def make_clone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Layout]]:
    """Makes as much of a clone, in a given folder, as the stack looks at. What ran in it is ended afterwards.

    The stack under test must not use the servers that the tests themselves were given.
    """
    for name in [name for name in os.environ if name.startswith("FANFARE_")]:
        monkeypatch.delenv(name)
    made: list[Layout] = []

    def make(folder: Path) -> Layout:
        folder.mkdir(parents=True)
        for name in ("deploy", ".venv"):
            (folder / name).symlink_to(_CLONE / name)
        made.append(Layout(folder))
        return made[-1]

    yield make
    for layout in made:
        stack.remove(layout)


@pytest.fixture
def layout(make_clone: Callable[[Path], Layout]) -> Iterator[Layout]:
    """A clone in an oddly named folder that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="fanfare-native-") as folder:
        Path(folder).chmod(0o755)
        clone = make_clone(Path(folder) / "a b é #1 %s $x 'q'")
        yield clone
        stack.remove(clone)


@pytest.fixture
def only_redis(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> Layout:
    """The same, for tests of the process manager itself: the other servers are said to be elsewhere."""
    monkeypatch.setenv("FANFARE_DATABASE_URL", "postgresql://fanfare@127.0.0.1:1/fanfare")
    monkeypatch.setenv("FANFARE_BROKER_URL", "amqp://fanfare@127.0.0.1:1/fanfare")
    return layout
