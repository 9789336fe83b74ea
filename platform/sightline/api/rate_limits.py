"""Where quotas stand, as `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers)."""

from collections.abc import Sequence

from sightline.jobs.counters import State


def headers(states: Sequence[State]) -> dict[str, str]:
    """Both headers; none where no quota bounds the tenant. What bounds the whole queue is nobody's quota."""
    own = [state for state in states if state.bound.code == "quota_exceeded"]
    if not own:
        return {}
    return {
        "RateLimit-Policy": ", ".join(_policy(state) for state in own),
        "RateLimit": ", ".join(_state(state) for state in own),
    }


def _policy(state: State) -> str:
    bound = state.bound
    window = f";w={bound.window_s}" if bound.window_s is not None else ""
    unit = f';qu="{bound.unit}"' if bound.unit != "requests" else ""
    return f'"{bound.name}";q={bound.most}{window}{unit}'


def _state(state: State) -> str:
    resets = f";t={-(-state.reset_ms // 1000)}" if state.reset_ms is not None else ""
    return f'"{state.bound.name}";r={state.remaining}{resets}'
