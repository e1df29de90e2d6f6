"""Whether a campaign's tokens belong to its sender: 403s and nobody accepted among the first 100 answers says no."""

from collections import OrderedDict
from uuid import UUID

FIRST_ANSWERS = 100
_REMEMBERED = 1_000


class SenderCheck:
    """One campaign's first answers in this process. Over with the first accept, or with the hundredth answer."""

    def __init__(self) -> None:
        self._answers = 0
        self._mismatches = 0
        self.is_over = False

    def accepted(self) -> None:
        self.is_over = True

    def refused(self, *, is_mismatch: bool) -> bool:
        """One more answer that is not an accept; True when the campaign should pause. After that it counts anew."""
        self._answers += 1
        self._mismatches += is_mismatch
        if self._answers < FIRST_ANSWERS:
            return False
        self.is_over = not self._mismatches
        self._answers = self._mismatches = 0
        return not self.is_over


class SenderChecks:
    """Those of the latest campaigns."""

    def __init__(self) -> None:
        self._checks: OrderedDict[UUID, SenderCheck] = OrderedDict()

    def of(self, campaign_id: UUID) -> SenderCheck:
        check = self._checks.pop(campaign_id, None) or SenderCheck()
        self._checks[campaign_id] = check
        if len(self._checks) > _REMEMBERED:
            self._checks.popitem(last=False)
        return check
