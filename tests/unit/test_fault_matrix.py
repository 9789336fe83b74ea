"""The table in `tests/faults/README.md` names every row of the fault matrix and exactly the tests that show it."""

import ast
import re
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
README = TESTS / "faults" / "README.md"
ROWS = range(1, 21)
_LINE = re.compile(r"\| (\d+) \|.*\| ([^|]+) \|")
_FILE = re.compile(r"`(test_\w+)\.py`:((?: `test_\w+`,?)+)")


def _rows(node: ast.AST) -> set[int]:
    """The numbers in every `row(…)` below a node."""
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
    marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "row"]
    return {ast.literal_eval(argument) for call in marks for argument in call.args}


def marked() -> dict[int, set[str]]:
    """Tests by the rows that they are marked with, as `file.test`."""
    found: dict[int, set[str]] = defaultdict(set)
    for file in [*TESTS.glob("faults/test_*.py"), *TESTS.glob("acceptance/test_*.py")]:
        tree = ast.parse(file.read_text())
        common = {row for node in tree.body if isinstance(node, ast.Assign) for row in _rows(node)}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                own = {row for decorator in node.decorator_list for row in _rows(decorator)}
                for row in common | own:
                    found[row].add(f"{file.stem}.{node.name}")
    return found


def listed() -> dict[int, set[str]]:
    """The same, as the README has it."""
    lines = [line for line in map(_LINE.match, README.read_text().splitlines()) if line]
    return {
        int(number): {
            f"{file}.{test}" for file, tests in _FILE.findall(cell) for test in re.findall(r"`(\w+)`", tests)
        }
        for number, cell in (line.groups() for line in lines)
    }


def test_every_row_of_the_matrix_has_a_test() -> None:
    assert [row for row in ROWS if not marked().get(row)] == []


def test_the_table_lists_exactly_the_tests_that_are_marked() -> None:
    assert listed() == dict(marked())


def test_engines_that_die_and_cancels_are_shown_on_real_vllm_too() -> None:
    for row in (3, 4, 10):
        assert any(test.partition(".")[0].endswith("on_vllm") for test in marked()[row]), row
