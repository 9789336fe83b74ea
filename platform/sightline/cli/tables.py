"""Tables on the terminal, and in a pipe."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_PIPE_WIDTH = 200
"""Columns where no terminal says how many it has: nothing should be cut for a program that reads on."""


def print_table(table: "Table") -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    console.print(table)
