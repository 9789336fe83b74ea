"""The prompts of gui: a function signature in <tools>, as Qwen3-VL was trained to be asked for actions.

Format: the computer_use and mobile_use cookbooks of Qwen3-VL. The training of the small checkpoint imports
these functions, so a change of any letter here is a change of the model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

Tool = Literal["computer_use", "mobile_use"]

COMPUTER_USE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "computer_use",
        "description": "Work on a desktop with mouse and keyboard, seen through screenshots.\n"
        "* There is no terminal: start programs by clicking their icons.\n"
        "* Programs may need time to react: wait, then look at the next screenshot.\n"
        "* The screen's resolution is 1000x1000.\n"
        "* Put the tip of the cursor on the center of the element, not on its edge.",
        "parameters": {
            "properties": {
                "action": {
                    "description": "The action to perform:\n"
                    "* `key`: press the keys in order, release them in reverse order.\n"
                    "* `type`: type text on the keyboard.\n"
                    "* `mouse_move`: move the cursor to (x, y).\n"
                    "* `left_click`, `right_click`, `middle_click`, `double_click`, `triple_click`: "
                    "click at (x, y).\n"
                    "* `left_click_drag`: drag from the cursor to (x, y).\n"
                    "* `scroll`, `hscroll`: turn the wheel, vertically or horizontally.\n"
                    "* `wait`: wait some seconds.\n"
                    "* `answer`: answer a question of the user.\n"
                    "* `terminate`: end the task and report its status.",
                    "enum": [
                        "key",
                        "type",
                        "mouse_move",
                        "left_click",
                        "left_click_drag",
                        "right_click",
                        "middle_click",
                        "double_click",
                        "triple_click",
                        "scroll",
                        "hscroll",
                        "wait",
                        "answer",
                        "terminate",
                    ],
                    "type": "string",
                },
                "keys": {"description": "Required only by `action=key`.", "type": "array"},
                "text": {
                    "description": "Required only by `action=type` and `action=answer`.",
                    "type": "string",
                },
                "coordinate": {
                    "description": "(x, y): x from the left edge, y from the top edge. "
                    "Required only by mouse actions.",
                    "type": "array",
                },
                "pixels": {
                    "description": "How far to scroll: positive is up or right, negative down or left. "
                    "Required only by `action=scroll` and `action=hscroll`.",
                    "type": "number",
                },
                "time": {"description": "Seconds. Required only by `action=wait`.", "type": "number"},
                "status": {
                    "description": "Required only by `action=terminate`.",
                    "enum": ["success", "failure"],
                    "type": "string",
                },
            },
            "required": ["action"],
            "type": "object",
        },
    },
}

MOBILE_USE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "mobile_use",
        "description": "Work on a mobile device by touch, seen through screenshots.\n"
        "* Apps may need time to react: wait, then look at the next screenshot.\n"
        "* The screen's resolution is 999x999.\n"
        "* Touch the center of the element, not its edge.",
        "parameters": {
            "properties": {
                "action": {
                    "description": "The action to perform:\n"
                    "* `click`: tap at (x, y).\n"
                    "* `long_press`: press at (x, y) for some seconds.\n"
                    "* `swipe`: swipe from (x, y) to (x2, y2).\n"
                    "* `type`: enter text in the active input box.\n"
                    "* `answer`: answer a question of the user.\n"
                    "* `system_button`: press a system button.\n"
                    "* `key`: send a key event in adb's syntax, such as volume_up.\n"
                    "* `open`: open the named app.\n"
                    "* `wait`: wait some seconds.\n"
                    "* `terminate`: end the task and report its status.",
                    "enum": [
                        "click",
                        "long_press",
                        "swipe",
                        "type",
                        "answer",
                        "system_button",
                        "key",
                        "open",
                        "wait",
                        "terminate",
                    ],
                    "type": "string",
                },
                "coordinate": {
                    "description": "(x, y): x from the left edge, y from the top edge. "
                    "Required only by `action=click`, `action=long_press` and `action=swipe`.",
                    "type": "array",
                },
                "coordinate2": {
                    "description": "(x2, y2): where the swipe ends. Required only by `action=swipe`.",
                    "type": "array",
                },
                "text": {
                    "description": "Required only by `action=type`, `action=answer`, `action=key` and "
                    "`action=open`.",
                    "type": "string",
                },
                "time": {
                    "description": "Seconds. Required only by `action=long_press` and `action=wait`.",
                    "type": "number",
                },
                "button": {
                    "description": "Required only by `action=system_button`.",
                    "enum": ["Back", "Home", "Menu", "Enter"],
                    "type": "string",
                },
                "status": {
                    "description": "Required only by `action=terminate`.",
                    "enum": ["success", "failure"],
                    "type": "string",
                },
            },
            "required": ["action"],
            "type": "object",
        },
    },
}

SIGNATURES: dict[Tool, dict[str, Any]] = {"computer_use": COMPUTER_USE, "mobile_use": MOBILE_USE}

SYSTEM = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{signature}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>

# Response format

1) Action: one short imperative sentence.
2) One <tool_call></tool_call> block, and nothing after it."""


def system(tool: Tool) -> str:
    """The system message of a tool. It never varies, so the engine's prefix cache always holds it."""
    return SYSTEM.format(signature=json.dumps(SIGNATURES[tool]))


def user_text(instruction: str, history: Sequence[str] = ()) -> str:
    """The text after the screenshot: the query and what was done so far."""
    text = f"The user query: {instruction}"
    if history:
        steps = " ".join(f"Step {number}: {step};" for number, step in enumerate(history, start=1))
        text += f"\nTask progress (You have done the following operation on the current device): {steps}"
    return text


def messages(
    *, image: int, tool: Tool, instruction: str, history: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """System message, then image number `image`, then the query."""
    parts: list[dict[str, Any]] = [
        {"type": "image", "index": image},
        {"type": "text", "text": user_text(instruction, history)},
    ]
    return [{"role": "system", "content": system(tool)}, {"role": "user", "content": parts}]


def answer(*, tool: Tool, action: str, arguments: dict[str, Any]) -> str:
    """The answer as the prompt asks for it, with the sentence `action`: for training and for fixtures."""
    call = json.dumps({"name": tool, "arguments": arguments}, ensure_ascii=False)
    return f"Action: {action}\n<tool_call>\n{call}\n</tool_call>"
