"""Tables in the text of a page: LaTeX's tabular, Markdown's pipes, HTML's <table>, as rows of cells.

Spans are not expanded: a \\multicolumn or colspan cell is one cell. Rows keep the text of a cell as it was written,
without the markup around it.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

Rows = list[list[str]]

_TABULAR = re.compile(r"\\begin\{(tabular[x*]?|array|longtable)\}(.*?)(?:\\end\{\1\}|\Z)", re.DOTALL)
_RULE = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})")
_SPAN = re.compile(r"\\(?:multicolumn|multirow)\{[^{}]*\}\{[^{}]*\}\{((?:[^{}]|\{[^{}]*\})*)\}")
_STYLE = re.compile(r"\\(?:textbf|textit|emph|makecell|underline)\{([^{}]*)\}")
_ESCAPED = re.compile(r"\\([%&$#_{}])")
_PIPE_RULE = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*")


def latex_rows(text: str) -> Rows | None:
    """Rows of the first tabular in `text`, closed or cut off; None without one."""
    match = _TABULAR.search(text)
    if match is None:
        return None
    body = _without_columns(match.group(2))
    rows: Rows = []
    for line in re.split(r"\\\\(?:\[[^\]]*\])?", _RULE.sub("", body)):
        cells = [_plain_latex(cell) for cell in re.split(r"(?<!\\)&", line)]
        if any(cells) or len(cells) > 1:
            rows.append(cells)
    return rows


def _without_columns(body: str) -> str:
    """`body` without the column specification after \\begin{tabular}, whose braces may nest."""
    body = re.sub(r"\A\s*\[[^\]]*\]", "", body).lstrip()
    while body.startswith("{"):
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
    if (
        len(lines) < 2
        or "|" not in lines[0]
        or "-" not in lines[1]
        or not _PIPE_RULE.fullmatch(lines[1][:5000])
    ):
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
