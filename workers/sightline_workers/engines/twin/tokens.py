"""What the simulated engine lets out at each step, and the deltas that carry it, in vLLM's JSON shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Token:
    """One token of an answer."""

    # What it adds to the text, or to the arguments of a tool call.
    text: str = ""
    # The tool call that it belongs to, from 0; None: the text.
    call: int | None = None
    # The function that the call is of, in its first token.
    name: str = ""


def delta(tokens: Sequence[Token], *, call_id: str) -> Json:
    """The delta that carries these: the text, or an entry for each call that begins or goes on."""
    if not tokens or tokens[0].call is None:
        return {"content": "".join(token.text for token in tokens)}
    entries: list[Json] = []
    for token in tokens:
        if token.name:
            head = {"index": token.call, "id": f"{call_id}_{token.call}", "type": "function"}
            entries.append({**head, "function": {"name": token.name, "arguments": ""}})
        elif not entries or entries[-1]["index"] != token.call:
            entries.append({"index": token.call, "function": {"arguments": ""}})
        entries[-1]["function"]["arguments"] += token.text
    return {"tool_calls": entries}


def message(tokens: Sequence[Token], *, call_id: str) -> Json:
    """The whole answer at once."""
    whole = delta(tokens, call_id=call_id)
    calls = [
        {key: value for key, value in call.items() if key != "index"} for call in whole.get("tool_calls", ())
    ]
    return {"role": "assistant", "content": whole.get("content"), **({"tool_calls": calls} if calls else {})}
