"""The history of a GUI agent: a sentence for each thing that was done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sightline.kinds import tokens
from sightline.sessions.forms import UNSEEN, Continued, Json, Weight

_LONGEST = 4000


class AgentRun:
    """A `Form`. An entry is `{text, arguments}`: the sentence, and the action where it was the model's."""

    most = 100

    def weigh(self, entries: Sequence[Json]) -> Weight:
        return Weight(tokens=sum(tokens.of_text(len(entry["text"])) for entry in entries), images=0)

    def weigh_sent(self, input: Mapping[str, Any]) -> Weight:
        texts = [str(input.get("instruction", "")), *input.get("history", ())]
        return UNSEEN + Weight(tokens=tokens.of_text(sum(map(len, texts))), images=0)

    def opens(self, entries: Sequence[Json]) -> bool:
        return bool(entries)

    def continued(
        self,
        history: Sequence[Json],
        *,
        system: str,
        input: Mapping[str, Any],
        uploads: Mapping[str, str],
    ) -> Continued:
        """Sentences of the request's own come after those of the session, and are added to it as well."""
        before = [entry["text"] for entry in history]
        return Continued(
            input={**input, "history": [*before, *input.get("history", ())]}, inherited=len(before)
        )

    def added(self, *, input: Mapping[str, Any], inherited: int, output: Mapping[str, Any]) -> list[Json]:
        own = [{"text": text, "arguments": None} for text in input["history"][inherited:]]
        return [*own, {"text": sentence(output), "arguments": output.get("arguments")}]

    def done(self, output: Mapping[str, Any]) -> str:
        return str(output.get("done") or "")


def sentence(output: Mapping[str, Any]) -> str:
    """What was done, as the next step reads it: the model's own words, or its action."""
    arguments = dict(output.get("arguments") or {})
    action = str(arguments.pop("action", "nothing"))
    details = ", ".join(
        f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
    )
    said = str(output.get("description") or "").strip()
    return (said or (f"{action}: {details}" if details else action))[:_LONGEST]
