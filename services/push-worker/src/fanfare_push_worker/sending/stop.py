"""Why a batch is given back before its end."""

from dataclasses import dataclass
from enum import Enum, auto


class CampaignFault(Enum):
    """What the campaign comes to besides."""

    PAUSE = auto()
    FAIL = auto()


@dataclass(frozen=True, slots=True)
class Stop:
    """`delay`: seconds until the batch is due again. With a `fault`, `code` and `message` are the campaign's."""

    code: str
    message: str = ""
    delay: float = 0.0
    fault: CampaignFault | None = None

    def outranks(self, other: "Stop | None") -> bool:
        """A fault of the campaign's is said even when sending had stopped for another reason."""
        return other is None or (self.fault is not None and other.fault is None)
