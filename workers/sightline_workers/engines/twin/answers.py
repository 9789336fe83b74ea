"""What the simulated engine answers: always the same for the same request, in the form its kind expects.

Recognises the prompts that Qwen3-VL was trained on (see `sightline.kinds`) by their fixed words, and
derives positions and texts from a checksum of the images and the question.
"""

import json
import re
import zlib
from dataclasses import dataclass

from .chat_request import ChatRequest
from .schema_instance import smallest
from .tokens import Token

_WORDS = ("harbour", "lantern", "meadow", "copper", "violet", "signal", "quartz", "ember", "willow", "atlas")
_TOKEN = re.compile(r"\s*\w{1,6}|\s*[^\w\s]|\s+")
_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_KIE = "key-value information in the format: "


@dataclass(frozen=True, kw_only=True)
class TwinAnswer:
    """What a request will get, before faults and `max_tokens`."""

    text: str
    finish: str = "stop"
    # Tool calls instead of text, when the request has tools: names and arguments as JSON.
    tool_calls: tuple[tuple[str, str], ...] = ()

    def tokens(self) -> list[Token]:
        """What goes out token by token: pieces of the text, or of one call after the other, its name first."""
        if not self.tool_calls:
            return [Token(text=text) for text in _TOKEN.findall(self.text)]
        return [
            token
            for index, (name, arguments) in enumerate(self.tool_calls)
            for token in (
                Token(call=index, name=name),
                *(Token(call=index, text=text) for text in _TOKEN.findall(arguments)),
            )
        ]


def answer(request: ChatRequest) -> TwinAnswer:
    """The answer to a request. Raises `Refusal` for a constraint that cannot be kept."""
    seed = zlib.crc32(request.last_user_text.encode())
    for image in request.images:
        seed ^= image.checksum
    if request.constraint is not None:
        kind, value = request.constraint
        if kind == "choice":
            return _parsed(str(value[seed % len(value)]), request)
        if kind == "json_object":
            return TwinAnswer(text=json.dumps({"answer": _words(seed, 2)}))
        schema = json.loads(value) if isinstance(value, str) else value
        return TwinAnswer(text=json.dumps(smallest(schema, seed)))
    if request.tools and request.last_role == "user":
        calls = tuple(
            (function["name"], json.dumps(smallest(function.get("parameters") or {"type": "object"}, seed)))
            for function in request.tools
        )
        return TwinAnswer(text="", finish="tool_calls", tool_calls=calls)
    return TwinAnswer(text=_text(request, seed))


def _parsed(text: str, request: ChatRequest) -> TwinAnswer:
    """The calls that a text writes as Hermes and Qwen do, for a request with tools; otherwise the text."""
    blocks = [json.loads(block) for block in _CALL.findall(text)] if request.tools else []
    if not blocks:
        return TwinAnswer(text=text)
    calls = tuple((block["name"], json.dumps(block["arguments"])) for block in blocks)
    return TwinAnswer(text="", finish="tool_calls", tool_calls=calls)


def malformed(request: ChatRequest) -> TwinAnswer:
    """The same answer as a model writes it on a bad day: cut inside its JSON, quotes missing."""
    text = answer(request).text or '{"answer": "'
    return TwinAnswer(text=text[: max(1, len(text) * 2 // 3)].rstrip('"}] \n') + ": [")


def _text(request: ChatRequest, seed: int) -> str:
    prompt, question = request.text, request.last_user_text
    if "<tools>" in prompt:
        return _gui(mobile="mobile_use" in prompt, seed=seed)
    if "qwenvl markdown" in question:
        row = f"| {_words(seed >> 3, 1)} | {seed % 9973} |"
        return f"# {_words(seed, 2)}\n\n| Item | Value |\n|---|---|\n{row}\n"
    if "qwenvl html" in question:
        return (
            f'<html><body><h1 data-bbox="82 64 911 97">{_words(seed, 2)}</h1>'
            f'<p data-bbox="82 120 911 160">{_words(seed >> 3, 4)} {seed % 9973}</p></body></html>'
        )
    if "bbox_2d" in question:
        lines = [
            {"bbox_2d": [80, 60 + 90 * row, 80 + 40 * (seed >> row) % 800 + 60, 100 + 90 * row],
             "text_content": _words(seed >> row, 2)}
            for row in range(3)
        ]  # fmt: skip
        return "```json\n" + json.dumps(lines) + "\n```"
    if _KIE in question:
        return "```json\n" + json.dumps(_filled(question.partition(_KIE)[2], seed)) + "\n```"
    if "Read all the text" in question:
        return f"{_words(seed, 3)}\n{_words(seed >> 5, 3)}\n{seed % 99991}"
    subject = question.strip().split("\n")[0][:40]
    if request.images:
        first = request.images[0]
        return f"The image is {first.width} by {first.height} pixels and shows a {_words(seed, 2)}: {subject}"
    return f"You asked: {subject} The answer is {_words(seed, 2)}."


def _gui(*, mobile: bool, seed: int) -> str:
    tool, action, grid = ("mobile_use", "click", 999) if mobile else ("computer_use", "left_click", 1000)
    coordinate = [seed % (grid + 1), (seed // 1009) % (grid + 1)]
    call = json.dumps({"name": tool, "arguments": {"action": action, "coordinate": coordinate}})
    return f"Action: Click the {_words(seed, 1)} button.\n<tool_call>\n{call}\n</tool_call>"


def _filled(template: str, seed: int) -> object:
    """A key-value template with its leaves filled in."""
    try:
        shape = json.loads(template)
    except ValueError:
        return {"key": _words(seed, 2)}

    def fill(value: object, depth: int) -> object:
        if isinstance(value, dict):
            return {key: fill(item, depth + 1 + index) for index, (key, item) in enumerate(value.items())}
        if isinstance(value, list):
            return [fill(item, depth + 1) for item in value[:1]]
        return _words(seed >> depth, 2)

    return fill(shape, 0)


def _words(seed: int, count: int) -> str:
    return " ".join(_WORDS[(seed // 10**place) % len(_WORDS)] for place in range(count))
