"""Environment variables: a bad value is listed with what to set, and the default is used."""

from pathlib import Path

import pytest

from sightline import env
from sightline.core import check_environment


@pytest.fixture(autouse=True)
def problems(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setattr(env, "problems", found)
    monkeypatch.setattr(env, "known", set(env.known))
    return found


def test_an_unset_or_empty_variable_is_its_default(
    monkeypatch: pytest.MonkeyPatch, problems: list[object]
) -> None:
    monkeypatch.setenv("SIGHTLINE_X", "")
    assert env.text("SIGHTLINE_X", "d") == "d"
    assert env.integer("SIGHTLINE_X", 3) == 3
    assert env.optional_integer("SIGHTLINE_X") is None
    assert env.words("SIGHTLINE_Y", ("a",)) == ("a",)
    assert problems == []


def test_values_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"B": "Yes", "I": "7", "N": "2.5", "C": "b", "W": " a, b ,,", "M": '{"a": 1}'}.items():
        monkeypatch.setenv(f"SIGHTLINE_{name}", value)
    assert env.boolean("SIGHTLINE_B", False) is True
    assert env.integer("SIGHTLINE_I", 3) == 7
    assert env.number("SIGHTLINE_N", 1) == 2.5
    assert env.choice("SIGHTLINE_C", "a", ("a", "b")) == "b"
    assert env.words("SIGHTLINE_W") == ("a", "b")
    assert env.mapping("SIGHTLINE_M", {}) == {"a": 1}
    file = tmp_path / "models.json"
    file.write_text('{"b": 2}')
    monkeypatch.setenv("SIGHTLINE_M", str(file))
    assert env.mapping("SIGHTLINE_M", {}) == {"b": 2}


@pytest.mark.parametrize("value", ["x", "-1", "11", "1.5", "nan", "inf"])
def test_a_number_out_of_bounds_is_a_problem_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, problems: list[object], value: str
) -> None:
    monkeypatch.setenv("SIGHTLINE_I", value)
    assert env.integer("SIGHTLINE_I", 3, least=0, most=10) == 3
    (problem,) = problems
    assert "SIGHTLINE_I" in str(problem)
    assert "a whole number from 0 to 10" in str(problem)


def test_nan_and_infinity_are_no_numbers(monkeypatch: pytest.MonkeyPatch, problems: list[object]) -> None:
    for value in ("nan", "inf", "-inf"):
        monkeypatch.setenv("SIGHTLINE_N", value)
        assert env.number("SIGHTLINE_N", 1.0, least=0, most=10) == 1.0
    assert len(problems) == 3


@pytest.mark.parametrize("value", ["{", "[1]", "/no/such/file", "x" * 5000, "a\tb"])
def test_a_mapping_that_cannot_be_read_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, problems: list[object], value: str
) -> None:
    monkeypatch.setenv("SIGHTLINE_M", value)
    assert env.mapping("SIGHTLINE_M", {"d": 1}) == {"d": 1}
    assert len(problems) == 1


def test_a_secret_comes_from_a_file(
    monkeypatch: pytest.MonkeyPatch, problems: list[object], tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("SIGHTLINE_S_FILE", str(tmp_path / "key"))
    assert env.secret("SIGHTLINE_S") == "s3cret"
    assert {"SIGHTLINE_S", "SIGHTLINE_S_FILE"} <= env.known
    monkeypatch.setenv("SIGHTLINE_S_FILE", str(tmp_path / "missing"))
    assert env.secret("SIGHTLINE_S") == ""
    assert len(problems) == 1


def test_a_misspelt_variable_is_a_warning_that_names_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_LEASE_SECONDS", "5")
    warnings = {warning.msg: warning.hint for warning in check_environment(None)}
    assert (
        warnings["SIGHTLINE_LEASE_SECONDS is no setting of Sightline."] == "Did you mean SIGHTLINE_LEASE_S?"
    )


def test_every_problem_has_an_id_of_its_own(monkeypatch: pytest.MonkeyPatch, problems: list[object]) -> None:
    for name in ("A", "B"):
        monkeypatch.setenv(f"SIGHTLINE_{name}", "x")
        env.integer(f"SIGHTLINE_{name}", 1)
    assert len({problem.id for problem in problems}) == 2  # type: ignore[attr-defined]
