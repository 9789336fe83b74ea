"""How high a rate may be, given how often it was seen."""

from math import exp, lgamma, log, log1p

CONFIDENCE = 0.95
_STEPS = 60


def upper(events: int, trials: int) -> float:
    """The one-sided 95 % upper bound of a rate (Clopper and Pearson 1934), 1 before anything was tried.

    The rate at which seeing so few events would have a chance of 5 %. Without any event it is about 3 / trials.
    """
    if trials <= 0 or events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _chance_of_at_most(events, trials, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _chance_of_at_most(events: int, trials: int, rate: float) -> float:
    """P(X ≤ events) for a binomial X; by logarithms, for thousands of trials."""
    if rate <= 0.0:
        return 1.0
    if rate >= 1.0:
        return 0.0
    return sum(
        exp(
            lgamma(trials + 1)
            - lgamma(k + 1)
            - lgamma(trials - k + 1)
            + k * log(rate)
            + (trials - k) * log1p(-rate)
        )
        for k in range(events + 1)
    )
