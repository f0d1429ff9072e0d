"""Writing schema.py: what a person reads first, so as a person would write it."""

from champion.tables.infer import Described, constant_name, literal, quoted

WIDTH = 100
ORDER = ["true", "false", "earliest", "latest", "unique", "quartiles", "missing",
         "outliers", "decimal", "thousands"]  # fmt: skip
HEAD = '''"""What the columns of the data may hold.

`make setup` wrote this from the data of that day; it is yours to edit. `make repro` checks all
data against it: a share that grew by more than a limit below is an error in a feature and stops
the pipeline; smaller shares, other columns and times are warnings. Further checks of your own:
`number(0, 10, checks=[pa.Check.lt(8)])`, or `checks=` of the schema for several columns at once.
"""

import pandera.pandas as pa

from champion.tables.schema import {imports}

MISSING_LIMIT = 0.05  # missing values, over the share given as `missing`
UNSEEN_LIMIT = 0.05  # words that a category does not list
RANGE_LIMIT = 0.05  # values outside the range: the first two arguments
OUTLIER_LIMIT = 0.05  # far outside the quartiles, over the share given as `outliers`
'''


def schema_source(columns: list[Described]) -> str:
    """The text of schema.py."""
    kinds = ", ".join(sorted({it.kind for it in columns}))
    taken: set[str] = set()
    lists, entries = [], []
    for it in columns:
        call, apart = entry(it, taken)
        entries.append(call)
        if apart:
            lists.append(apart)
    source = HEAD.format(imports=kinds)
    if lists:
        source += "\n# fmt: off\n" + "\n".join(lists) + "\n# fmt: on\n"
    source += "\nschema = pa.DataFrameSchema(\n    {\n" + "".join(entries) + "    }\n)\n"
    return source


def entry(it: Described, taken: set[str]) -> tuple[str, str]:
    """A line of the schema, and the list of categories that is written above it if long."""
    arguments = [literal(it.arguments[k]) for k in ("low", "high", "format") if k in it.arguments]
    apart = ""
    if it.values is not None:
        values = literal(it.values)
        if len(values) > 60:
            constant = constant_name(it.name, taken)
            apart, values = packed(constant, it.values), constant
        arguments.append(values)
    arguments += [f"{k}={literal(it.arguments[k])}" for k in ORDER if k in it.arguments]
    remark = it.remark or (it.left_out and f"left out: {it.left_out}")
    comment = f"  # {remark}" if remark else ""
    key = f"        {quoted(it.name)}: {it.kind}("
    flat = ", ".join(arguments)
    if len(key) + len(flat) + 2 <= WIDTH:
        return f"{key}{flat}),{comment}\n", apart
    if 12 + len(flat) <= WIDTH:
        return f"{key}\n            {flat}\n        ),{comment}\n", apart
    inner = "".join(f"            {argument},\n" for argument in arguments)
    return f"{key}\n{inner}        ),{comment}\n", apart


def packed(name: str, values: list[str]) -> str:
    """A list with as many values a line as fit."""
    lines, line = [], "   "
    for value in values:
        item = f" {quoted(value)},"
        if len(line) + len(item) > WIDTH and line.strip():
            lines.append(line)
            line = "   "
        line += item
    return f"{name} = [\n" + "\n".join([*lines, line]) + "\n]"
