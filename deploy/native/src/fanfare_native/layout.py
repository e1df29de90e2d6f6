"""Where things lie: everything of a clone's stack is under its `.run/`, which this is the only module to name."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from fanfare_native.errors import StackError


@dataclass(frozen=True)
class Layout:
    """The folders of one clone's stack. `root` is the clone, wherever it is and whatever its name."""

    root: Path

    @classmethod
    def here(cls) -> "Layout":
        """The layout of the clone this package is installed from.

        Raises StackError when it is not installed from a clone.
        """
        root = Path(__file__).resolve().parents[4]
        if not (root / "deploy" / "rabbitmq" / "definitions.json").is_file():
            raise StackError(f"{root} is not a clone of Fanfare: install fanfare-native from one, with `make up`")
        return cls(root)

    @property
    def identity(self) -> str:
        """Tells this clone's processes from another's: short, and safe in a node name and in a path."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:10]

    @property
    def run(self) -> Path:
        return self.root / ".run"

    @property
    def alias(self) -> Path:
        """A short, plain folder that holds a link to the clone.

        A Unix socket's path ends at 108 bytes, and neither supervisor's configuration nor RabbitMQ's can name a
        folder with spaces, `%` or letters outside ASCII.
        """
        base = next(base for base in (Path("/run"), Path("/tmp")) if os.access(base, os.W_OK))  # noqa: S108 - owner and mode are checked
        return base / f"fanfare-{os.getuid()}-{self.identity}"

    @property
    def plain_run(self) -> Path:
        return self.alias / "clone" / ".run"

    @property
    def socket(self) -> Path:
        return self.alias / "supervisor.sock"

    @property
    def env_file(self) -> Path:
        return self.run / "env"

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def storage(self) -> Path:
        return self.run / "storage"

    @property
    def programs(self) -> Path:
        """The virtual environment's console scripts."""
        return self.root / ".venv" / "bin"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def create(self) -> None:
        """Makes the folders. `.run` can be traversed, for PostgreSQL's own user, but not listed.

        Raises StackError when a folder belongs to somebody else.
        """
        for folder, mode in ((self.run, 0o711), (self.alias, 0o700), (self.logs, 0o700), (self.storage, 0o700)):
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                raise StackError(f"{folder} belongs to another user: run `make` as its owner, or remove it")
            folder.chmod(mode)
        link = self.alias / "clone"
        if not link.is_symlink() or link.readlink() != self.root:
            link.unlink(missing_ok=True)
            link.symlink_to(self.root)


def write_private(path: Path, content: str, mode: int = 0o600) -> None:
    """Writes a file whole or not at all; it is never readable by others, not even for a moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(content)
    draft.chmod(mode)
    draft.replace(path)
