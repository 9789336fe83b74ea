"""The text of an attempt on its way to its readers, with a Redis that takes everything."""

from types import SimpleNamespace
from uuid import UUID

import pytest

from sightline.events.tool_calls import CallPiece
from sightline_workers import live
from sightline_workers.live import ITEM, PROGRESS, Live, LiveText


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> LiveText:
    monkeypatch.setattr(live, "call", lambda _: [])
    found = LiveText(Live(), SimpleNamespace(job_id=UUID(int=1), fence=1))  # type: ignore[arg-type]
    found.wanted = True
    return found


def test_an_attempt_that_ends_while_its_text_is_written_still_says_that_it_ended(text: LiveText) -> None:
    text.call("answer")
    text.say("one")
    taken = text.take()
    text.ending = True
    live._write([(text, taken)])
    assert not text.ended.is_set(), "its last piece is still to come"
    assert text.due
    last = text.take()
    assert [piece.end for piece in last] == [True]
    live._write([(text, last)])
    assert text.ended.is_set()


def test_items_and_progress_follow_the_text_that_came_before_them(text: LiveText) -> None:
    text.tell(PROGRESS, {"phase": "prepare"})
    text.call("page 1")
    text.say("one")
    text.tell(ITEM, {"index": 0})
    text.call("page 2")
    text.say("two")
    text.tell(ITEM, {"index": 1})
    pieces = text.take()
    assert [piece.event or piece.text for piece in pieces] == [PROGRESS, "one", ITEM, "two", ITEM]
    assert [piece.number for piece in pieces] == [1, 2, 3, 4, 5]


def test_a_stream_that_is_begun_anew_holds_all_text_and_items_so_far(text: LiveText) -> None:
    text.call("page 1")
    text.say("one")
    text.tell(ITEM, {"index": 0})
    text.take()
    text.call("page 2")
    text.say("two")
    text.tell(ITEM, {"index": 1})
    first, second = text.again(text.take())
    assert (first.number, first.text, first.so_far, first.items) == (
        3,
        "two",
        ("one", "two"),
        ({"index": 0},),
    )
    assert (second.event, second.data, second.so_far) == (ITEM, {"index": 1}, None)
    text.lost()
    text.tell(ITEM, {"index": 2})
    (whole,) = text.take()
    assert whole.items == ({"index": 0}, {"index": 1}, {"index": 2})
    assert type(whole).parse(f"{whole.number}-0", whole.fields()) == whole


def call_tools(text: LiveText, *pieces: tuple[int, str, str]) -> None:
    for index, name, arguments in pieces:
        text.call_tool(CallPiece(index=index, id=name and f"id of {name}", name=name, arguments=arguments))


def test_tool_calls_follow_the_text_and_each_other(text: LiveText) -> None:
    text.call("answer")
    text.say("Let me see.")
    call_tools(text, (0, "look", ""), (0, "", '{"a":'), (0, "", "1}"), (1, "listen", ""), (1, "", "{"))
    said, look, listen = text.take()
    assert said.text == "Let me see."
    assert look.tool_call == CallPiece(index=0, id="id of look", name="look", arguments='{"a":1}')
    call_tools(text, (1, "", "}"))
    (rest,) = text.take()
    assert rest.tool_call == CallPiece(index=1, arguments="}")
    assert [piece.number for piece in (said, look, listen, rest)] == [1, 2, 3, 4]
    for piece in (look, rest):
        assert type(piece).parse(f"{piece.number}-0", piece.fields()) == piece


def test_a_stream_that_is_begun_anew_holds_all_tool_calls_so_far(text: LiveText) -> None:
    text.call("answer")
    call_tools(text, (0, "look", "{"))
    text.take()
    call_tools(text, (0, "", "}"), (1, "listen", "{"))
    first, second = text.again(text.take())
    assert [call["function"] for call in first.tool_calls] == [{"name": "look", "arguments": "{}"}]
    assert type(first).parse(f"{first.number}-0", first.fields()) == first
    assert second.tool_call == CallPiece(index=1, id="id of listen", name="listen", arguments="{")
    text.lost()
    call_tools(text, (1, "", "}"))
    (whole,) = text.take()
    assert [call["function"]["arguments"] for call in whole.tool_calls] == ["{}", "{}"]
    assert [call["id"] for call in whole.tool_calls] == ["id of look", "id of listen"]
