"""Reads `kie`: a JSON object with the wanted values."""

from __future__ import annotations

from typing import Any

from sightline.kinds import lenient_json
from sightline.kinds.contract import UnusableOutput
from sightline.kinds.ocr.page import Reading
from sightline.kinds.ocr.prompt import Fields


def read(text: str, wanted: Fields | None) -> Reading:
    """The values by key; complete pairs of a cut-off object are kept. Raises UnusableOutput."""
    found = lenient_json.find(lenient_json.unfenced(text), "{")
    if found is None or not isinstance(found.value, dict):
        raise UnusableOutput("the answer holds no JSON object")
    warnings = [] if found.complete else ["the object was cut off; its complete pairs are kept"]
    missing = [name for name in wanted or () if name not in found.value]
    if missing:
        warnings.append("not answered: " + ", ".join(missing))
    return Reading(fields=found.value, warnings=warnings)


def schema(wanted: Fields | None) -> dict[str, Any]:
    """Constraint of the repair call: a string for each wanted name, or the template's structure."""
    if not wanted:
        return {"type": "object"}
    shape = wanted if isinstance(wanted, dict) else dict.fromkeys(wanted, "")
    return {
        "type": "object",
        "properties": {name: _value_schema(value) for name, value in shape.items()},
        "required": list(shape),
        "additionalProperties": False,
    }


def _value_schema(value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return schema(value)
    if isinstance(value, list):
        return {"type": "array", "items": _value_schema(value[0])} if value else {"type": "array"}
    return {"type": "string"}
