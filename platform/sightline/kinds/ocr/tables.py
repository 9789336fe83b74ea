"""Tables in the text of a page: LaTeX's tabular, Markdown's pipes, HTML's <table>, as rows of cells.

Spans are not expanded: a \\multicolumn or colspan cell is one cell. Cells keep their text as it was
written, without the markup around it.
"""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser

Rows = list[list[str]]

_TABULAR = re.compile(r"\\begin\{(tabular[x*]?|array|longtable)\}(.*?)(?:\\end\{\1\}|\Z)", re.DOTALL)
_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]{0,40}\}|cmidrule(?:\([^)]{0,40}\))?\{[^}]{0,40}\})"
)
_SPAN = re.compile(r"\\(?:multicolumn|multirow)\{[^{}]*\}\{[^{}]*\}\{((?:[^{}]|\{[^{}]*\})*)\}")
_STYLE = re.compile(r"\\(?:textbf|textit|emph|makecell|underline)\{([^{}]*)\}")
_ESCAPED = re.compile(r"\\([%&$#_{}])")
_PIPE_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]{0,40}\}|cmidrule(?:\([^)]{0,40}\))?\{[^}]{0,40}\})"
)


def latex_rows(text: str) -> Rows | None:
    """Rows of the first tabular in `text`, closed or cut off; None without one."""
    match = _TABULAR.search(text)
    if match is None:
        return None
    arguments = 2 if match.group(1) in ("tabular*", "tabularx") else 1
    body = _without_arguments(match.group(2), arguments)
    rows: Rows = []
    for line in re.split(r"\\\\(?:\[[^\]]{0,40}\])?", _RULE.sub("", body)):
        cells = [_plain_latex(cell) for cell in re.split(r"(?<!\\)&", line)]
        if any(cells) or len(cells) > 1:
            rows.append(cells)
    return rows


def _without_arguments(body: str, count: int) -> str:
    """`body` without the `count` brace arguments (column specification, width), whose braces may nest."""
    body = re.sub(r"\A\s*\[[^\]]{0,40}\]", "", body).lstrip()
    for _ in range(count):
        if not body.startswith("{"):
            break
        depth = 0
        for position, character in enumerate(body):
            depth += {"{": 1, "}": -1}.get(character, 0)
            if depth == 0:
                body = body[position + 1 :].lstrip()
                break
        else:
            return ""
    return body


def _plain_latex(cell: str) -> str:
    for pattern in (_SPAN, _STYLE):
        cell = pattern.sub(r"\1", cell)
    return _ESCAPED.sub(r"\1", cell).strip()


def pipe_rows(text: str) -> Rows | None:
    """Rows of a Markdown table that is the whole of `text`; None when it is none."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) < 2 or "|" not in lines[0] or "|" not in lines[1]:
        return None
    if not all(_PIPE_RULE.fullmatch(cell) for cell in _pipe_cells(lines[1])):
        return None
    return [_pipe_cells(line) for number, line in enumerate(lines) if number != 1 and "|" in line]


def _pipe_cells(line: str) -> list[str]:
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)]


def html_rows(text: str) -> Rows | None:
    """Rows of the first <table> in `text`, closed or cut off; None without one."""
    if "<table" not in text.lower():
        return None
    parser = _TableParser()
    with contextlib.suppress(AssertionError):  # html.parser gives up on declarations such as "<![x".
        parser.feed(text)
        parser.close()
    return parser.rows


class _TableParser(HTMLParser):
    """Collects the cells of one table; a nested table's text falls to the cell around it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: Rows = []
        self._depth = 0
        self._in_cell = False
        self._ended = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._ended:
            return
        if tag == "table":
            self._depth += 1
        elif self._depth == 1 and tag == "tr":
            self.rows.append([])
            self._in_cell = False
        elif self._depth == 1 and tag in ("td", "th"):
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("")
            self._in_cell = True
        elif tag == "br" and self._in_cell:
            self.rows[-1][-1] += "\n"

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._depth:
            self._depth -= 1
            self._ended = self._depth == 0
        elif self._depth == 1 and tag in ("td", "th", "tr"):
            if self._in_cell:
                self.rows[-1][-1] = self.rows[-1][-1].strip()
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell and not self._ended:
            self.rows[-1][-1] += data


def rows(text: str) -> Rows | None:
    """Rows of the table in `text`, whatever its notation; None without one."""
    return latex_rows(text) or html_rows(text) or pipe_rows(text)


def plain(table: Rows) -> str:
    """A table as text: cells by tabs, rows by lines."""
    return "\n".join("\t".join(cell.replace("\n", " ") for cell in row) for row in table)
