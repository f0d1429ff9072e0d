"""Which rows a model learns from, and how much each counts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from champion.errors import Refusal
from champion.settings import Settings, Train
from champion.stages import train

ROWS = 100


def settings(time: str | None = "when", **keys: str) -> Settings:
    made = Settings()
    made.data.time, made.data.task = time, "binary"
    made.params.train = Train(**keys)
    made.check()
    return made


def table() -> pd.DataFrame:
    """A row a day, in no order."""
    days = np.random.default_rng(0).permutation(ROWS)
    return pd.DataFrame(
        {"day": days, "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(days, "D")}
    )


@pytest.mark.parametrize(
    ("window", "first"),
    [("all", 0), ("1 day", 99), ("30 days", 70), ("500 days", 0), ("7 rows", 93), ("999 rows", 0)],
)
def test_the_latest_rows_are_learned_from(window: str, first: int) -> None:
    kept = train.recent(table(), settings(window=window))
    assert sorted(kept["day"]) == list(range(first, ROWS))
    assert list(kept.index) == list(range(len(kept)))


def test_equal_times_do_not_make_more_rows() -> None:
    same = pd.DataFrame({"when": [pd.Timestamp("2026-01-01")] * 9})
    assert len(train.recent(same, settings(window="4 rows"))) == 4


def test_older_rows_count_less() -> None:
    assert train.weights(table(), settings()) is None
    weights = train.weights(table(), settings(half_life="10 days"))
    assert weights is not None
    by_day = dict(zip(table()["day"], weights, strict=True))
    assert (by_day[99], by_day[89], by_day[79]) == (1.0, 0.5, 0.25)


@pytest.mark.parametrize("piped", [False, True])
def test_a_model_takes_the_weights(piped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers turn around on day 50: who forgets the old ones says what is so now."""
    rows = table()
    side = np.random.default_rng(1).choice([-1.0, 1.0], ROWS)
    y = pd.Series((side > 0) == (rows["day"] >= 50))
    X = pd.DataFrame({"side": side})

    def new_model(_: Settings) -> object:
        return (
            make_pipeline(StandardScaler(), LogisticRegression()) if piped else LogisticRegression()
        )

    monkeypatch.setattr(train, "new_model", new_model)
    own = settings(half_life="10 days")
    model = train.fitted(own, X, y, train.weights(rows, own))
    assert model.predict_proba(pd.DataFrame({"side": [1.0]}))[0, 1] > 0.8
    assert model.predict_proba(pd.DataFrame({"side": [-1.0]}))[0, 1] < 0.2


@pytest.mark.parametrize("keys", [{"window": "90 days"}, {"half_life": "5 days"}])
def test_without_times_no_row_is_the_latest(keys: dict[str, str]) -> None:
    own = settings(time=None, **keys)
    with pytest.raises(Refusal, match=r"needs data\.time in gate\.yaml"):
        train.weights(train.recent(table(), own), own)


@pytest.mark.parametrize("keys", [{"window": "90"}, {"window": "0 days"}, {"half_life": "long"}])
def test_what_is_no_window_is_refused(keys: dict[str, str]) -> None:
    with pytest.raises(Refusal, match=r"params\.yaml: train\."):
        settings(**keys)
