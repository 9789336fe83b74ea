"""Server-sent events out of bytes, however they are cut (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message."""

    id: str
    type: str
    data: str


class Parser:
    """Feed it bytes, get whole messages. Comments and what no blank line ended are dropped."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._id, self._type = "", ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[Message]:
        self._text += self._decoder.decode(data)
        messages: list[Message] = []
        start = 0
        for end in _LINE_END.finditer(self._text):
            if end[0] == "\r" and end.end() == len(self._text):
                break  # its line feed may still come
            if message := self._line(self._text[start : end.start()]):
                messages.append(message)
            start = end.end()
        self._text = self._text[start:]
        return messages

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> Message | None:
        data, type = self._data, self._type
        self._data, self._type = [], ""
        if not data:
            return None
        return Message(id=self._id, type=type or "message", data="\n".join(data))
