"""What a platform's `/metrics` counts."""

from collections import Counter

from .http_client import HttpClient
from .stack import Stack


async def cache_outcomes(stack: Stack) -> Counter[str]:
    """Submissions so far by what the cache had for them: l1, l2, near, coalesced, miss."""
    client = HttpClient(stack.url, headers={"Authorization": f"Bearer {stack.operator_key()}"})
    answer = await client.request("GET", "/metrics")
    client.close()
    if answer.status != 200:
        raise RuntimeError(f"/metrics: {answer.status} {answer.body[:300]!r}")
    found: Counter[str] = Counter()
    for line in answer.body.decode().splitlines():
        if line.startswith("sightline_cache_total{"):
            outcome = line.partition('outcome="')[2].partition('"')[0]
            found[outcome] += int(float(line.rsplit(" ", 1)[1]))
    return found
