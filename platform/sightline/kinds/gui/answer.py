"""From the model's text to one action.

Shapes taken: `<tool_call>` alone, after an `Action:` line, after `Thought:` and `Action:` lines or free text
or `<think>`; the same JSON bare or in a code fence; the arguments without their wrapper; a call that the
engine has parsed already. Missing closers are put up with, missing values are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightline.kinds import lenient_json
from sightline.kinds.contract import UnusableOutput
from sightline.kinds.gui.actions import ACTIONS, InvalidAction, checked
from sightline.kinds.gui.prompt import Tool

_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_THINK = re.compile(r"\A\s*(?:<think(?:ing)?>)?(.*?)</think(?:ing)?>", re.DOTALL)
_LABEL = re.compile(r"^[ \t*#\d.)]*(Thought|Action)[ \t*]*[::][ \t*]*", re.IGNORECASE | re.MULTILINE)
_FENCE_OPENING = re.compile(r"```\w*\s*\Z")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One action as the model wrote it."""

    arguments: dict[str, Any]
    """The action and its arguments, raw values on the grid."""
    thought: str | None
    """Why, where the model says so."""
    description: str | None
    """The sentence after `Action:`."""
    warnings: tuple[str, ...] = ()
    """What was put up with."""


def parse(text: str, tool: Tool, tool_calls: Sequence[Mapping[str, Any]] = ()) -> Answer:
    """The one action in `text` or in the engine's `tool_calls`. Raises UnusableOutput, and nothing else."""
    problem = "no tool call found"
    warnings: list[str] = []
    candidates = _candidates(text, tool_calls)
    for candidate in candidates:
        try:
            arguments = checked(tool, _arguments(candidate.value, tool))
        except InvalidAction as invalid:
            problem = str(invalid)
            continue
        if not candidate.complete:
            warnings.append("the tool call was not closed")
        if sum(1 for other in candidates if other.whole_call) > 1:
            warnings.append("several tool calls, only the first valid one is used")
        thought, description = _prose(text[: candidate.start])
        return Answer(arguments=arguments, thought=thought, description=description, warnings=tuple(warnings))
    raise UnusableOutput(problem)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    value: Any
    complete: bool
    start: int
    whole_call: bool


def _candidates(text: str, tool_calls: Sequence[Mapping[str, Any]]) -> list[_Candidate]:
    found: list[_Candidate] = []
    for call in tool_calls[:10]:
        function = call.get("function")
        if isinstance(function, Mapping):
            found.append(_Candidate(value=dict(function), complete=True, start=len(text), whole_call=True))
    for match in list(_CALL.finditer(text))[:10]:
        inner = lenient_json.find(match.group(1), "{")
        if inner is not None:
            found.append(
                _Candidate(value=inner.value, complete=inner.complete, start=match.start(), whole_call=True)
            )
    if found:
        return found
    at = 0
    for _ in range(10):
        bare = lenient_json.find(text, "{", at)
        if bare is None:
            break
        found.append(_Candidate(value=bare.value, complete=bare.complete, start=bare.start, whole_call=False))
        at = max(bare.end, bare.start + 1)
    return found


def _arguments(value: Any, tool: Tool) -> dict[str, Any]:
    """The arguments inside a call, or the value itself when it is the arguments."""
    if not isinstance(value, dict):
        raise InvalidAction("the tool call must be a JSON object")
    arguments = value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):  # OpenAI's form: the arguments as a string of JSON.
        inner = lenient_json.find(arguments, "{")
        arguments = inner.value if inner else None
    if not isinstance(arguments, dict):
        arguments = {key: item for key, item in value.items() if key not in ("name", "arguments")}
    name = value.get("name")
    if "action" not in arguments and isinstance(name, str) and name in ACTIONS[tool]:
        return {**arguments, "action": name}
    return arguments


def _prose(text: str) -> tuple[str | None, str | None]:
    """(thought, description) from what stands before the call."""
    text = _FENCE_OPENING.sub("", text)
    thoughts: list[str] = []
    think = _THINK.match(text)
    if think:
        thoughts.append(think.group(1))
        text = text[think.end() :]
    labels = list(_LABEL.finditer(text))
    thoughts.append(text[: labels[0].start()] if labels else text)
    description = None
    for label, following in zip(labels, [*labels, None][1:], strict=True):
        part = text[label.end() : following.start() if following else len(text)].strip()
        if label.group(1).lower() == "thought":
            thoughts.append(part)
        elif part:
            description = part
    thought = "\n".join(part.strip() for part in thoughts if part.strip())
    return thought or None, description


def repair_request(problem: str, tool: Tool) -> str:
    """What the repair call tells the model."""
    example = json.dumps({"name": tool, "arguments": {"action": "terminate", "status": "failure"}})
    return (
        f"That was no valid call of {tool}: {problem}. "
        f"Give the call again as one JSON object and nothing else, like {example}"
    )
