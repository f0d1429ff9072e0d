"""Row identity and the split: no row ever moves from train to the holdout."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from champion.errors import Refusal
from champion.settings import Data, Settings, Split
from champion.tables.rows import in_holdout, row_ids, row_keys


def settings(key: list[str], **split: object) -> Settings:
    return Settings(data=Data(target="y"), split=Split(key=key, **split))  # type: ignore[arg-type]


def table(rows: list[tuple[float | None, str, bool]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["a", "b", "y"])
    return frame.astype({"a": "float64", "b": "str", "y": "boolean"})


rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-3, 3).map(float), st.floats(allow_nan=False)),
        st.sampled_from(["", "x", "5", "é", "-0"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


@given(rows, st.randoms(use_true_random=False))
def test_order_changes_neither_names_nor_sides(
    content: list[tuple[float | None, str, bool]], random: np.random.Generator
) -> None:
    before = table(content)
    order = list(range(len(content)))
    random.shuffle(order)  # type: ignore[arg-type]
    after = before.iloc[order].reset_index(drop=True)
    s = settings(["a", "b"])
    assert sorted(row_ids(before, s)) == sorted(row_ids(after, s))
    assert len(set(row_ids(before, s))) == len(before)
    np.testing.assert_array_equal(in_holdout(before, s)[order], in_holdout(after, s))


@examples(deadline=None)
@given(rows, rows)
def test_arriving_rows_rename_and_move_nothing(
    first: list[tuple[float | None, str, bool]], later: list[tuple[float | None, str, bool]]
) -> None:
    s = settings(["a", "b"])
    before, after = table(first), table(first + later)
    np.testing.assert_array_equal(row_ids(before, s), row_ids(after, s)[: len(first)])
    np.testing.assert_array_equal(in_holdout(before, s), in_holdout(after, s)[: len(first)])


@given(rows)
def test_equal_rows_share_a_side(content: list[tuple[float | None, str, bool]]) -> None:
    s = settings(["a", "b"], holdout=0.5)
    frame = table(content)
    sides = pd.Series(in_holdout(frame, s)).groupby(row_keys(frame, s)).nunique()
    assert sides.eq(1).all()


def test_a_new_column_and_other_types_move_no_row() -> None:
    s = settings(["n", "word", "flag", "when"], holdout=0.5)
    frame = pd.DataFrame(
        {
            "n": np.arange(50),
            "word": [f"w{i % 7}" for i in range(50)],
            "flag": [i % 2 == 0 for i in range(50)],
            "when": pd.date_range("2024-01-01", periods=50, unit="s"),
            "y": 0,
        }
    )
    names, sides = row_ids(frame, s), in_holdout(frame, s)
    changed = frame[["y", "when", "word", "n", "flag"]].copy()
    changed["new"] = 1.5
    changed = changed.astype(
        {
            "n": "float32",
            "word": "category",
            "flag": "boolean",
            "when": "datetime64[ns]",
            "y": "float64",
        }
    )
    np.testing.assert_array_equal(row_ids(changed, s), names)
    np.testing.assert_array_equal(in_holdout(changed, s), sides)
    text = changed.assign(n=[str(i) for i in range(50)])
    np.testing.assert_array_equal(row_ids(text, s), names)
    assert 10 < sides.sum() < 40


def test_gaps_in_an_integer_column_move_no_other_row() -> None:
    s = settings(["n"], holdout=0.5)
    frame = pd.DataFrame({"n": np.arange(100), "y": 0})
    gapped = frame.astype({"n": "float64"})
    gapped.loc[7, "n"] = np.nan
    same = np.arange(100) != 7
    np.testing.assert_array_equal(row_ids(frame, s)[same], row_ids(gapped, s)[same])


def test_values_that_differ_are_told_apart() -> None:
    s = settings(["a", "b"])
    frame = pd.DataFrame(
        {"a": ["1", "11", "nan", None, "x"], "b": ["11", "1", None, "nan", "y"], "y": 0}
    )
    assert len(set(row_keys(frame, s))) == 5


def test_a_window_moves_rows_only_out_of_the_holdout() -> None:
    s = settings(["when"], window="7 days")
    s.data.time = "when"
    days = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=60), "y": 0})
    held = in_holdout(days, s)
    assert held.sum() == 7
    assert held[-7:].all()
    longer = pd.DataFrame({"when": pd.date_range("2023-12-01", "2024-03-20"), "y": 0})
    later = pd.Series(in_holdout(longer, s), longer["when"])[days["when"]].to_numpy()
    assert not (later & ~held).any()


def test_groups_stay_together_and_another_seed_draws_another_holdout() -> None:
    frame = pd.DataFrame({"g": np.repeat(np.arange(200), 5), "a": np.arange(1000), "y": 0})
    s = settings(["a"])
    s.data.group = "g"
    held = in_holdout(frame, s)
    assert pd.Series(held).groupby(frame["g"]).nunique().eq(1).all()
    assert 0.1 < held.mean() < 0.3
    s.split.seed = 1
    assert (in_holdout(frame, s) != held).any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": []}, "no split.key"),
        ({"key": ["gone"]}, "'gone'"),
        ({"window": "fortnight"}, "'fortnight'"),
        ({"window": None}, "split.window"),
        ({"window": "-1 days"}, "'-1 days'"),
    ],
)
def test_a_wrong_split_is_refused_in_a_sentence(change: dict[str, object], said: str) -> None:
    s = settings(**{"key": ["a"], **change})  # type: ignore[arg-type]
    frame = pd.DataFrame({"a": pd.date_range("2024-01-01", periods=3), "y": 0})
    if "window" in change:
        s.data.time = "a"
    with pytest.raises(Refusal, match=said):
        in_holdout(frame, s)
