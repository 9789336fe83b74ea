"""Baseline 2, the job: one call to the engine."""

import urllib.request


def call_engine(url: str, body: str) -> str:
    """The engine's answer; raises what urllib raises, which fails the job."""
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", data=body.encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as response:
        text: str = response.read().decode()
    return text
