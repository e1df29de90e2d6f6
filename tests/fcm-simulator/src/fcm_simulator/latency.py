"""Latencies as functions that draw seconds."""

import math
import random
from collections.abc import Callable

from fcm_simulator.script import Latency

Draw = Callable[[], float]


def sampler(latency: Latency, rng: random.Random) -> Draw:
    """Returns a function that draws one latency in seconds."""
    ms, max_ms, sigma = latency.ms, latency.max_ms, latency.sigma
    if latency.distribution == "uniform" and max_ms is not None:
        return lambda: rng.uniform(ms, max_ms) / 1000
    if latency.distribution == "lognormal" and ms > 0:
        mu, ceiling = math.log(ms), math.inf if max_ms is None else max_ms
        return lambda: min(rng.lognormvariate(mu, sigma), ceiling) / 1000
    return lambda: ms / 1000
