"""Tables in the text of a page: LaTeX's tabular, Markdown's pipes, HTML's <table>, as rows of cells.

Spans are not expanded: a \\multicolumn or colspan cell is one cell. Cells keep their text as it was
written, without the markup around it.
"""

from __future__ import annotations

import re

from sightline.kinds.ocr.tags import tokens

Rows = list[list[str]]

_TABULAR = re.compile(r"\\begin\{(tabular[x*]?|array|longtable)\}(.*?)(?:\\end\{\1\}|\Z)", re.DOTALL)
_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]{0,40}\}|cmidrule(?:\([^)]{0,40}\))?\{[^}]{0,40}\})"
)
_SPAN = re.compile(r"\\(?:multicolumn|multirow)\{[^{}]*\}\{[^{}]*\}\{((?:[^{}]|\{[^{}]*\})*)\}")
_STYLE = re.compile(r"\\(?:textbf|textit|emph|makecell|underline)\{([^{}]*)\}")
_ESCAPED = re.compile(r"\\([%&$#_{}])")
_PIPE_RULE = re.compile(r":?-+:?")


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
    """Rows of the first <table> in `text`, closed or cut off; None without one.

    A nested table's text falls to the cell around it.
    """
    rows: Rows | None = None
    depth = 0
    in_cell = False
    for token in tokens(text):
        if token.tag == "table":
            depth += -1 if token.closing else 1
            if rows is None:
                rows, depth = [], 1
            elif depth <= 0:
                break
        elif rows is None:
            continue
        elif depth == 1 and token.tag in ("td", "th", "tr"):
            in_cell = not token.closing and token.tag != "tr"
            if not token.closing and (token.tag == "tr" or not rows):
                rows.append([])
            if in_cell:
                rows[-1].append("")
        elif in_cell and rows[-1]:
            rows[-1][-1] += "\n" if token.tag == "br" else token.text
    return None if rows is None else [[cell.strip() for cell in row] for row in rows]


def rows(text: str) -> Rows | None:
    """Rows of the table in `text`, whatever its notation; None without one."""
    return latex_rows(text) or html_rows(text) or pipe_rows(text)


def plain(table: Rows) -> str:
    """A table as text: cells by tabs, rows by lines."""
    return "\n".join("\t".join(cell.replace("\n", " ") for cell in row) for row in table)
