"""The actions of computer_use and mobile_use, and what each of them needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from sightline.kinds.coordinates import number, numbers
from sightline.kinds.gui.prompt import Tool

Argument = Literal["coordinate", "coordinate2", "keys", "text", "pixels", "time", "button", "status"]

POINTS: tuple[Argument, ...] = ("coordinate", "coordinate2")
"""Arguments that are points on the grid."""

_POINTER_ACTIONS = (
    "mouse_move",
    "left_click",
    "right_click",
    "middle_click",
    "double_click",
    "triple_click",
    "left_click_drag",
)

ACTIONS: Mapping[Tool, Mapping[str, tuple[Argument, ...]]] = {
    "computer_use": {
        "key": ("keys",),
        "type": ("text",),
        **dict.fromkeys(_POINTER_ACTIONS, ("coordinate",)),
        "scroll": ("pixels",),
        "hscroll": ("pixels",),
        "wait": ("time",),
        "answer": ("text",),
        "terminate": ("status",),
    },
    "mobile_use": {
        "click": ("coordinate",),
        "long_press": ("coordinate", "time"),
        "swipe": ("coordinate", "coordinate2"),
        "type": ("text",),
        "answer": ("text",),
        "system_button": ("button",),
        "key": ("text",),
        "open": ("text",),
        "wait": ("time",),
        "terminate": ("status",),
    },
}
"""Required arguments by tool and action."""

OPTIONAL: Mapping[Tool, Mapping[str, tuple[Argument, ...]]] = {
    "computer_use": {"scroll": ("coordinate",), "hscroll": ("coordinate",)},
    "mobile_use": {},
}
"""Arguments that an action may have; taken when they are valid."""

BUTTONS = ("Back", "Home", "Menu", "Enter")
STATUSES = ("success", "failure")


class InvalidAction(ValueError):
    """The arguments are no action of the tool; the message tells the model what is wrong."""


def checked(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The action and its arguments in their plain form, and nothing else. Raises InvalidAction."""
    action = arguments.get("action")
    if not isinstance(action, str) or action not in ACTIONS[tool]:
        raise InvalidAction(f"action must be one of {', '.join(ACTIONS[tool])}")
    plain: dict[str, Any] = {"action": action}
    for name in ACTIONS[tool][action]:
        value = _READERS[name](arguments.get(name))
        if value is None:
            raise InvalidAction(f"{action} needs {name}: {_WANTED[name]}")
        plain[name] = value
    for name in OPTIONAL[tool].get(action, ()):
        value = _READERS[name](arguments.get(name))
        if value is not None:
            plain[name] = value
    return plain


def _point(value: Any) -> list[float] | None:
    return numbers(value, 2)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _keys(value: Any) -> list[str] | None:
    if isinstance(value, str):
        # "ctrl+s" and "ctrl s" are written as well; a lone "+" is the key itself.
        value = [key.strip() for key in value.split("+")] if value.strip("+ ") else [value.strip()]
    if not isinstance(value, list) or not 0 < len(value) <= 10:
        return None
    return value if all(isinstance(key, str) and 0 < len(key) <= 40 for key in value) else None


def _seconds(value: Any) -> float | None:
    found = number(value)
    return found if found is not None and found >= 0 else None


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str | None]:
    by_name: dict[str, str] = {choice.lower(): choice for choice in choices}
    return lambda value: by_name.get(value.strip().lower()) if isinstance(value, str) else None


_READERS: Mapping[Argument, Callable[[Any], Any]] = {
    "coordinate": _point,
    "coordinate2": _point,
    "keys": _keys,
    "text": _text,
    "pixels": number,
    "time": _seconds,
    "button": _one_of(BUTTONS),
    "status": _one_of(STATUSES),
}

_WANTED: Mapping[Argument, str] = {
    "coordinate": "[x, y]",
    "coordinate2": "[x, y]",
    "keys": "a list of key names",
    "text": "a string that is not empty",
    "pixels": "a number",
    "time": "seconds, 0 or more",
    "button": "one of " + ", ".join(BUTTONS),
    "status": "one of " + ", ".join(STATUSES),
}

_POINT_SCHEMA = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_SCHEMAS: Mapping[Argument, dict[str, Any]] = {
    "coordinate": _POINT_SCHEMA,
    "coordinate2": _POINT_SCHEMA,
    "keys": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 5},
    "text": {"type": "string", "minLength": 1},
    "pixels": {"type": "integer"},
    "time": {"type": "number"},
    "button": {"type": "string", "enum": list(BUTTONS)},
    "status": {"type": "string", "enum": list(STATUSES)},
}


def call_schema(tool: Tool) -> dict[str, Any]:
    """JSON schema of a tool call, one alternative per action: the constraint of the repair call."""
    alternatives = [
        {
            "type": "object",
            "properties": {
                "action": {"type": "string", "enum": [action]},
                **{str(name): _SCHEMAS[name] for name in required},
            },
            "required": ["action", *required],
            "additionalProperties": False,
        }
        for action, required in ACTIONS[tool].items()
    ]
    return {
        "type": "object",
        "properties": {"name": {"type": "string", "enum": [tool]}, "arguments": {"anyOf": alternatives}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
