"""Rules made ready for the hot path: from a target to its outcome."""

import itertools
import random
from typing import Generic

from fcm_simulator.script import OutcomeT, Rules


class Rulebook(Generic[OutcomeT]):
    """Chooses outcomes by one set of rules, and remembers how far each token's list is used up."""

    def __init__(self, rules: Rules[OutcomeT], default: OutcomeT, rng: random.Random) -> None:
        self._tokens = rules.tokens
        self._patterns = [(pattern.prefix, pattern.contains, pattern.outcomes) for pattern in rules.patterns]
        self._mix = rules.mix
        self._cumulative = list(itertools.accumulate(outcome.weight for outcome in rules.mix))
        self._default = default
        self._rng = rng
        self._used: dict[str, int] = {}

    def choose(self, token: str) -> OutcomeT:
        if self._tokens and (outcomes := self._tokens.get(token)):
            return self._next(token, outcomes)
        for prefix, contains, outcomes in self._patterns:
            if token.startswith(prefix) and contains in token:
                return self._next(token, outcomes)
        if self._mix:
            return self._rng.choices(self._mix, cum_weights=self._cumulative)[0]
        return self._default

    def _next(self, token: str, outcomes: list[OutcomeT]) -> OutcomeT:
        if len(outcomes) == 1:
            return outcomes[0]
        used = self._used.get(token, 0)
        self._used[token] = used + 1
        return outcomes[min(used, len(outcomes) - 1)]
