"""Requests are judged as pandera judges them, and predicted as scikit-learn predicts."""

import importlib.util
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from champion.serve.checks import Compiled, check_table, part_of
from champion.serve.quick import compiled, plain
from champion.tables.schema import boolean, category, identifier, integer, number, time
from conftest import ENGINE

COLUMNS = {
    "plain": number(0, 100),
    "german": number(-5, 5000, missing=0.1, decimal=",", thousands="."),
    "whole": integer(-5, 5, missing=0.1),
    "open": integer(missing=None),
    "flag": boolean(true=["ja", "1"], false=["nein", "0"], missing=0.1),
    "sure": boolean(),
    "word": category(["a", "b", "1", "2.5", "true", ""]),
    "any": category(missing=0.1),
    "date": time(earliest="2020-01-01", latest="2030-01-01", missing=0.1),
    "german date": time(["%d.%m.%Y", "unix"], missing=None),
    "own": number(0, 10, quartiles=(4, 5), checks=[pa.Check.lt(8)]),
    "by hand": pa.Column(float, pa.Check.gt(-3), nullable=False),
    "unasked": identifier(),
}
FEATURES = [name for name in COLUMNS if name != "unasked"]
SCHEMA = pa.DataFrameSchema(
    COLUMNS,
    checks=[
        pa.Check(lambda df: ~(df["plain"] > 90) | ~(df["own"] > 5), name="together"),
        pa.Check(lambda df: df["unasked"] != "x", name="of what is not asked"),
        pa.Check(lambda df: df["plain"].mean() < 0, name="of a whole table"),
    ],
)
VALUES: dict[type, list[Any]] = {
    str: [
        "a", "b", " a ", "c", "", " ", "1", "1.0", "2.5", "-3", "7", "99.5", "1e3", "1,5", "1.234,5",
        "1_000", "+4", "nan", "inf", "ja", "JA ", "nein", "true", "False", "2024-05-01",
        "2024-05-01T12:30:00Z", "2024-05-01 12:30:00+02:00", "1999-12-31", "31.12.2024",
        "1714560000", "2024-13-01", "9999-12-31", "0000-00-00", "Größe", "\n", "1" * 40, "-0", "007",
    ],
    int: [0, 1, -1, 3, 5, 6, 9, 91, 100, 101, -5, -6, 2**53, 2**60, 2**63, -(2**70), 10**30, 1714560000],
    float: [0.0, -0.0, 1.0, 2.5, 4.999, 8.0, 99.5, 100.5, -3.5, 1e300, 1e-9, 1e16, 1714560000.0],
    bool: [True, False],
}  # fmt: skip
COMPILED = Compiled(SCHEMA, FEATURES, ["unasked"])


def faults(found: list[Any]) -> set[tuple[Any, ...]]:
    return {
        (fault.column, fault.check, fault.message, row) for fault in found for row in fault.rows
    }


def by_pandera(rows: list[dict[str, Any]]) -> tuple[pd.DataFrame, set[tuple[Any, ...]]]:
    table = pd.DataFrame({name: pd.Series([row[name] for row in rows]) for name in FEATURES})
    conformed, found = check_table(table, part_of(SCHEMA, FEATURES))
    booleans = list(conformed.select_dtypes("boolean"))
    return conformed.astype(dict.fromkeys(booleans, "float64")), faults(found)


def same(rows: list[dict[str, Any]]) -> None:
    columns, found = COMPILED.check(rows)
    table, wanted = by_pandera(rows)
    # A user's own checks are asked once all can be read: before, there is nothing to ask them of.
    unread = {row for _, check, _, row in wanted if check == "type"}
    if unread:
        wanted = {it for it in wanted if not it[2].startswith("your own")}
    assert faults(found) == wanted
    pd.testing.assert_frame_equal(COMPILED.frame(columns), table)


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_thousands_of_rows_of_one_type_each(kind: type) -> None:
    random = np.random.default_rng(0)
    values = VALUES[kind]
    draw = random.integers(0, len(values), (2000, len(FEATURES)))
    same([dict(zip(FEATURES, [values[i] for i in places], strict=True)) for places in draw])


def test_every_value_alone_and_rows_that_nothing_is_wrong_with() -> None:
    good = {
        "plain": 50, "german": "1.234,5", "whole": 3, "open": None, "flag": "Ja", "sure": True,
        "word": "a", "any": "x", "date": "2024-05-01", "german date": "31.12.2024", "own": 4.5,
        "by hand": 0.5,
    }  # fmt: skip
    same([good])
    assert COMPILED.check([good])[1] == []
    random = np.random.default_rng(1)
    every = [None, *itertools.chain(*VALUES.values())]
    for name in FEATURES:
        for place in random.permutation(len(every))[:6]:
            same([{**good, name: every[place]}])


def test_mixed_types_in_one_request_are_read_as_if_alone() -> None:
    random = np.random.default_rng(2)
    every = [None, *itertools.chain(*VALUES.values())]
    rows = [
        dict(zip(FEATURES, [every[i] for i in places], strict=True))
        for places in random.integers(0, len(every), (40, len(FEATURES)))
    ]
    together, found = COMPILED.check(rows)
    for place, row in enumerate(rows):
        alone, wrong = COMPILED.check([row])
        for name in FEATURES:
            assert repr(together[name][place]) == repr(alone[name][0])
        built_in = {it[:3] for it in faults(wrong) if not it[2].startswith("your own")}
        assert {it[:3] for it in faults(found) if it[3] == place} >= built_in


def test_columns_that_are_gone_new_or_nested() -> None:
    row = dict.fromkeys(FEATURES, None)
    del row["open"]
    row |= {"new": 1, "any": [1], "whole": {"a": 1}, "unasked": "x"}
    _, found = COMPILED.check([row])
    named = {(fault.column, fault.check) for fault in found}
    assert {("open", "gone"), ("new", "extra"), ("whole", "type"), ("any", "type")} <= named
    assert not any(fault.column == "unasked" for fault in found)


def users_model() -> Any:
    path = ENGINE / "{{cookiecutter.__package}}" / "model.py"
    spec = importlib.util.spec_from_file_location("users_model", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(rows: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": random.choice(["x", "y", "rare"], rows, p=[0.6, 0.39, 0.01]),
            "b": random.normal(size=rows),
            "c": random.choice(["u", "v"], rows),
            "when": pd.date_range("2024-01-01", periods=rows, freq="7h"),
            "d": random.normal(size=rows),
        }
    )
    X.loc[::9, ["b", "a"]] = None
    return X.astype({"a": "str", "c": "str"})


@pytest.mark.parametrize("kind", ["boosted", "linear"])
def test_the_quick_way_of_both_models_of_the_template(kind: str) -> None:
    X = table()
    y = X["b"].fillna(0) + (X["a"] == "x") > 0.5
    asked = {"kind": kind, "boosted": {"max_iter": 5}, "task": "binary", "seed": 0}
    model = users_model().build_model(asked).fit(X, y)
    quick = compiled(model, X)
    assert quick is not None
    new = table(40).sample(frac=1, random_state=3).reset_index(drop=True)
    new.loc[3, "a"] = "never seen"
    columns = {name: plain(new[name]) for name in new}
    wanted = model[0].transform(new)
    assert np.array_equal(quick(columns), wanted, equal_nan=True)
    assert np.array_equal(
        model[-1].predict_proba(quick(columns)), model.predict_proba(new), equal_nan=True
    )


def test_a_quick_way_that_says_something_else_is_not_taken() -> None:
    from sklearn.preprocessing import OrdinalEncoder

    X = table()
    asked = {"kind": "boosted", "boosted": {"max_iter": 5}, "task": "binary", "seed": 0}
    model = users_model().build_model(asked)
    model.fit(X, X["d"] > 0)
    assert compiled(model, X) is not None
    encoder = next(it for _, it, _ in model[0].transformers_ if isinstance(it, OrdinalEncoder))
    encoder.categories_ = [words[::-1] for words in encoder.categories_]
    encoder.transform = lambda frame: np.zeros(frame.shape)  # no more a look-up of words alone
    model[0].transform = lambda frame: np.ones((len(frame), 8))
    assert compiled(model, X) is None
    assert compiled(model[-1], X) is None
