"""A container of one service, as a process of the harness's."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from containers.engine import Done, Engine, Mount, environment_of_engines
from harness.processes import Process


class Container(Process):
    """Its image's command, or another, in the foreground of the engine's own; `kill` leaves nothing of it behind."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        image: str,
        variables: Mapping[str, str],
        folder: Path,
        *,
        mounts: Sequence[Mount] = (),
        command: Sequence[str] = (),
    ) -> None:
        self.image = image
        self.engine = engine
        self._variables = variables
        self._id = f"fanfare-{folder.parent.name}-{folder.name}-{name}"
        engine.remove(self._id)
        engine.create(self._id, image)
        run = engine.run(self._id, image, command, variables, mounts)
        super().__init__(name, run, environment_of_engines(variables), folder)

    def execute(self, *command: str) -> Done:
        """Another command in it, as a probe is."""
        return self.engine.execute(self._id, command, self._variables)

    def kill(self) -> None:
        super().kill()
        self.engine.remove(self._id)

    def _ask_to_stop(self) -> None:
        self.engine.stop(self._id, self.pid)

    @property
    def is_root_untouched(self) -> bool:
        return self.engine.is_root_untouched(self._id)
