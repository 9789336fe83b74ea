"""The smallest JSON value that a schema allows: what the simulated engine answers under a constraint.

Covers what Sightline uses: types, enum, const, required properties, array and string lengths, number
bounds, anyOf, oneOf, allOf and local $ref. A string with a pattern is refused rather than got wrong.
"""

import math
from collections.abc import Mapping
from typing import Any

from .errors import Refusal

_MAX_DEPTH = 32


def smallest(schema: object, seed: int) -> Any:
    """A valid instance of a JSON schema; `seed` picks among enum values and numbers. Raises `Refusal`."""
    return _instance(schema, schema, seed, 0)


def _instance(schema: object, root: object, seed: int, depth: int) -> Any:
    if schema is True:
        return {}
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        raise Refusal(400, "The schema cannot be turned into a grammar.")
    if "$ref" in schema:
        return _instance(_resolve(str(schema["$ref"]), root), root, seed, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][seed % len(schema["enum"])]
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return _instance(schema[union][0], root, seed, depth + 1)
    if schema.get("allOf"):
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            merged |= _resolve(str(part["$ref"]), root) if "$ref" in part else part
        return _instance(merged, root, seed, depth + 1)
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        return {
            name: _instance(properties.get(name, {"type": "string"}), root, seed + index, depth + 1)
            for index, name in enumerate(required)
        }
    if kind == "array":
        fixed = schema.get("prefixItems", [])
        length = max(schema.get("minItems", len(fixed)), len(fixed))
        return [
            _instance(
                fixed[index] if index < len(fixed) else schema.get("items", {"type": "string"}),
                root,
                seed // (7 ** (index + 1)),
                depth + 1,
            )
            for index in range(length)
        ]
    return _scalar(str(kind), schema, seed)


def _scalar(kind: str, schema: Mapping[str, Any], seed: int) -> Any:
    if kind == "string":
        if "pattern" in schema:
            raise Refusal(400, "The twin does not make strings for a pattern.")
        return "x" * max(1, schema.get("minLength", 1))
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 1000) - 1)
        return math.ceil(low) + seed % max(1, math.floor(high) - math.ceil(low) + 1)
    if kind == "boolean":
        return seed % 2 == 0
    if kind == "null":
        return None
    raise Refusal(400, f"The schema's type {kind!r} cannot be turned into a grammar.")


def _resolve(reference: str, root: object) -> Any:
    target: Any = root
    for step in reference.removeprefix("#/").split("/"):
        if not isinstance(target, Mapping) or step not in target:
            raise Refusal(400, f"The schema's {reference} leads nowhere.")
        target = target[step]
    return target
