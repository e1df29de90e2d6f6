"""What can go wrong while the stack starts; the command line prints these and exits with 1."""


class StackError(Exception):
    """The stack cannot be what was asked for; the message says why and what to do."""


class PartFailedError(StackError):
    """A part did not start, or died while starting."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part} failed to start: {reason}")
        self.part = part
