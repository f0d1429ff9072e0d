"""The checks of a project's schema.py as plain data, for engines that know nothing of pandera."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FENCE = 3.0  # interquartile ranges outside the quartiles
LIMIT = 0.05


@dataclass
class Check:
    """What rows of a column may not be.

    name : missing, unseen, range or outliers.
    low, high : bounds, both allowed (range, outliers); times as ISO 8601.
    values : the words allowed (unseen).
    seen : the share of rows that failed when the data were described.
    """

    column: str
    name: str
    kind: str
    low: Any = None
    high: Any = None
    values: list[str] | None = None
    seen: float = 0.0


def checks_of(schema: Path) -> list[Check]:
    """Read schema.py as text: it is written to be read."""
    tree = ast.parse(schema.read_text(encoding="utf-8"))
    constants: dict[str, Any] = {}
    found: list[Check] = []
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        if isinstance(node.value, ast.List):
            constants[node.targets[0].id] = ast.literal_eval(node.value)
        elif node.targets[0].id == "schema" and isinstance(node.value, ast.Call):
            columns = node.value.args[0]
            assert isinstance(columns, ast.Dict)
            for key, value in zip(columns.keys, columns.values, strict=True):
                assert key
                assert isinstance(value, ast.Call)
                assert isinstance(value.func, ast.Name)
                given = [literal(part, constants) for part in value.args]
                named = {str(k.arg): literal(k.value, constants) for k in value.keywords}
                found += checks(ast.literal_eval(key), value.func.id, given, named)
    return found


def literal(node: ast.expr, constants: dict[str, Any]) -> Any:
    return constants[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)


def checks(column: str, kind: str, given: list[Any], named: dict[str, Any]) -> list[Check]:
    """What `number(0, 10, missing=0.1)` and its like ask for."""
    found = [Check(column, "missing", kind, seen=named.get("missing", 0.0))]
    if kind in ("number", "integer"):
        found.append(Check(column, "range", kind, *given))
        first, third = named.get("quartiles", (0, 0))
        if first < third:
            far = FENCE * (third - first)
            seen = named.get("outliers", 0.0)
            found.append(Check(column, "outliers", kind, first - far, third + far, seen=seen))
    elif kind == "time":
        found.append(Check(column, "range", kind, named.get("earliest"), named.get("latest")))
    elif kind == "category":
        found.append(Check(column, "unseen", kind, values=given[0]))
    return found
