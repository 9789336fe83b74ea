"""A job's events as OpenAI's stream of a response: order, numbers, and going on where another connection stopped."""

import itertools
import json
from typing import Any

import pytest

from sightline.events.stream import Event
from sightline.kinds.chat.completion import split_reasoning, split_so_far
from sightline.web.responses import RUN, ResponseEvents

KEY = "01JABCDEFGHJKMNPQRSTVWXYZ0"
HEAD: dict[str, Any] = {"id": f"resp_{KEY}", "object": "response", "background": True}
AT = "2026-10-01T09:00:00.000Z"


def stream(*, after: int = -1, kept: bool = True) -> ResponseEvents:
    return ResponseEvents(head=HEAD, after=after, kept=kept)


def started(run: int = 1) -> Event:
    return Event(number=run, type="job.started", data={"attempt": run, "at": AT})


def delta(text: str) -> Event:
    return Event(number=0, type="output.delta", data={"index": 0, "label": "answer", "text": text})


def reset(*texts: str) -> Event:
    return Event(number=0, type="output.reset", data={"reason": "gap", "texts": list(texts), "output": None})


def ended(text: str | None, *, status: str = "succeeded", **message: Any) -> Event:
    output = {"choices": [{"index": 0, "message": {"content": text, **message}, "finish_reason": "stop"}]}
    data = {"status": status, "output": output, "usage": None, "error": None, "at": AT}
    return Event(number=9, type=f"job.{status}", data=data)


def failed(status: str = "failed") -> Event:
    error = {"code": "engine_error", "message": "It broke."}
    data = {"status": status, "output": None, "usage": None, "error": error, "at": AT}
    return Event(number=9, type=f"job.{status}", data=data)


def shown(form: ResponseEvents, *events: Event) -> list[dict[str, Any]]:
    found = []
    for block in form.show(events).decode().split("\n\n")[:-1]:
        kind, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert kind == f"event: {found[-1]['type']}"
    return found


def said(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


WHOLE = (started(), delta("Hel"), delta("lo"), delta(" there"), ended("Hello there"))


def test_the_order_is_the_official_one() -> None:
    events = shown(stream(), *WHOLE)
    assert types(events) == [
        "created",
        "queued",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < 2**53
    assert said(events) == events[-1]["response"]["output"][0]["content"][0]["text"] == "Hello there"


@pytest.mark.parametrize("live", [True, False])
def test_any_event_can_be_gone_on_from_with_or_without_the_live_text(live: bool) -> None:
    events = shown(stream(), *WHOLE)
    for number, event in enumerate(events):
        rest = WHOLE if live else (WHOLE[0], WHOLE[-1])
        again = shown(stream(after=event["sequence_number"]), *rest)
        before, after = events[: number + 1], events[number + 1 :]
        assert said(before) + said(again) == "Hello there"
        assert [t for t in types(again) if t != "output_text.delta"] == [
            t for t in types(after) if t != "output_text.delta"
        ]
        assert all(one["sequence_number"] > event["sequence_number"] for one in again)


def test_a_gap_is_healed_by_the_text_so_far() -> None:
    form = stream()
    events = shown(form, started(), delta("Hel")) + shown(form, reset("Hello th"), ended("Hello there"))
    assert said(events) == "Hello there"


def test_an_attempt_that_says_the_same_again_goes_on() -> None:
    form = stream()
    events = shown(form, started(), delta("Hello th"))
    events += shown(form, reset(), started(2), delta("Hello"), delta(" there"), ended("Hello there"))
    assert said(events) == "Hello there"
    assert types(events)[-1] == "completed"


def test_an_attempt_that_says_something_else_ends_the_stream_with_an_error() -> None:
    form = stream()
    shown(form, started(), delta("Hello"))
    events = shown(form, reset(), started(2), delta("Good"), ended("Good morning"))
    assert types(events) == ["error"]
    assert events[0]["code"] == "attempt_failed"
    assert HEAD["id"] in events[0]["message"]
    assert form.done


def test_text_of_an_attempt_that_is_gone_is_not_mixed_with_the_next_ones() -> None:
    first = shown(stream(), started(), delta("Hello"))[-1]["sequence_number"]
    events = shown(stream(after=first), started(), started(2), ended("Hello there"))
    assert types(events) == ["error"]
    # Who had no text yet misses nothing.
    events = shown(stream(after=2), started(), started(2), ended("Hello there"))
    assert said(events) == "Hello there"
    assert events[0]["sequence_number"] // RUN == 2


def test_reasoning_ends_where_the_message_begins() -> None:
    text = "<think>It is easy.</think>\n\nHello"
    pieces = [delta(text[place : place + 4]) for place in range(0, len(text), 4)]
    events = shown(stream(), started(), *pieces, ended("Hello", reasoning="It is easy."))
    reasoning = [one["delta"] for one in events if one["type"] == "response.reasoning_text.delta"]
    assert "".join(reasoning).strip() == "It is easy."
    assert said(events) == "Hello"
    assert [one["item"]["type"] for one in events if one["type"] == "response.output_item.done"] == [
        "reasoning",
        "message",
    ]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == sorted(set(numbers))
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["reasoning", "message"]


def test_calls_are_items_of_their_own() -> None:
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for number in range(2)
    ]
    events = shown(stream(), started(), ended(None, tool_calls=calls))
    added = [one for one in events if one["type"] == "response.output_item.added"]
    assert [one["output_index"] for one in added] == [0, 1]
    assert [one["item"]["call_id"] for one in added] == ["call_0", "call_1"]
    assert events[-1]["response"]["output"][1]["status"] == "completed"
    first = next(n for n, one in enumerate(events) if one["type"] == "response.output_item.done")
    again = shown(stream(after=events[first]["sequence_number"]), started(), ended(None, tool_calls=calls))
    assert again == events[first + 1 :]


CALLS = [
    {"id": f"call_{n}", "type": "function", "function": {"name": f"f{n}", "arguments": '{"city":"Bergen"}'}}
    for n in range(2)
]


def calling() -> list[Event]:
    """Both calls, piece by piece."""
    pieces: list[dict[str, Any]] = []
    for index, call in enumerate(CALLS):
        function: Any = call["function"]
        head = {"index": index, **call, "function": {**function, "arguments": ""}}
        rest = [function["arguments"][at : at + 5] for at in range(0, len(function["arguments"]), 5)]
        pieces += [head, *({"index": index, "function": {"arguments": part}} for part in rest)]
    return [
        Event(
            number=0, type="output.delta", data={"index": 0, "label": "", "text": "", "tool_calls": [piece]}
        )
        for piece in pieces
    ]


def arguments(events: list[dict[str, Any]]) -> list[str]:
    """What the deltas of each call come to."""
    found = {"0": "", "1": ""}
    for event in events:
        if event["type"] == "response.function_call_arguments.delta":
            found[event["item_id"][-1]] += event["delta"]
    return list(found.values())


def test_calls_stream_one_after_the_other_behind_the_text() -> None:
    events = shown(
        stream(), started(), delta("Let me see."), *calling(), ended("Let me see.", tool_calls=CALLS)
    )
    order = [kind for kind, _ in itertools.groupby(types(events))]
    one = [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert order[order.index("output_item.done") + 1 :] == [*one, *one, "completed"]
    assert arguments(events) == ['{"city":"Bergen"}'] * 2
    assert [one["output_index"] for one in events if one["type"] == "response.output_item.added"] == [0, 1, 2]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("live", [True, False])
def test_calls_can_be_gone_on_from_anywhere(live: bool) -> None:
    whole = (started(), *calling(), ended(None, tool_calls=CALLS))
    events = shown(stream(), *whole)
    for number, event in enumerate(events):
        again = shown(stream(after=event["sequence_number"]), *(whole if live else (whole[0], whole[-1])))
        before, after = events[: number + 1], events[number + 1 :]
        both = zip(arguments(before), arguments(again), strict=True)
        assert ["".join(parts) for parts in both] == ['{"city":"Bergen"}'] * 2
        assert [t for t in types(again) if not t.endswith("delta")] == [
            t for t in types(after) if not t.endswith("delta")
        ]


def test_a_call_that_an_attempt_makes_again_goes_on_and_another_one_does_not() -> None:
    void = Event(number=0, type="output.reset", data={"reason": "attempt_failed", "texts": []})
    same = shown(
        stream(), started(), *calling()[:3], void, started(2), *calling(), ended(None, tool_calls=CALLS)
    )
    assert arguments(same) == ['{"city":"Bergen"}'] * 2
    assert types(same)[-1] == "completed"
    other = shown(stream(), started(), *calling()[:3], void, started(2), ended("No.", tool_calls=None))
    assert other[-1]["code"] == "attempt_failed"


def test_an_empty_answer_is_a_message_all_the_same() -> None:
    events = shown(stream(), started(), ended(""))
    assert types(events)[-3:] == ["content_part.done", "output_item.done", "completed"]
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired", "quarantined"])
def test_one_without_an_answer_ends_as_failed(status: str) -> None:
    events = shown(stream(), failed(status))
    assert types(events) == ["created", "queued", "failed"]
    found = events[-1]["response"]
    assert found["status"] == ("cancelled" if status == "cancelled" else "failed")
    assert shown(stream(after=events[-2]["sequence_number"]), failed(status)) == events[-1:]


def test_a_server_that_stops_says_so_to_those_who_cannot_resume() -> None:
    form = stream(kept=False)
    shown(form, started(), delta("Hello"))
    assert b"restarts" in form.cut()
    kept = stream()
    shown(kept, started(), delta("Hello"))
    assert kept.cut() == b""


@pytest.mark.parametrize(
    "text",
    [
        "<think>It is easy.</think>\n\nHello",
        " <think>a < b </ c </think> Hello <think>",
        "Hello </think> there",
        "<thought>Hello",
        "<think>It never ends",
    ],
)
def test_what_was_shown_of_a_growing_text_is_never_taken_back(text: str) -> None:
    parts = [split_so_far(text[:end]) for end in range(len(text) + 1)]
    for (reasoning, answer), (more_reasoning, more_answer) in itertools.pairwise(parts):
        assert more_reasoning.startswith(reasoning)
        assert more_answer.startswith(answer)
    if "</think>" in text and text.lstrip().startswith("<think>"):
        assert parts[-1] == (split_reasoning(text)[0], split_reasoning(text)[1])
