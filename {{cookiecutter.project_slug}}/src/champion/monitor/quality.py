"""Live rows against schema.py, as stage `validate` holds new data against it."""

from collections.abc import Iterator
from types import ModuleType

import pandas as pd
from scipy.special import bdtrc

from champion.monitor.checks import ALERT, Check
from champion.stages.validate import LIMITS, own_checks
from champion.tables.conform import conform
from champion.tables.schema import LIMIT, kind_of, measuring

WRONG_TYPE = 0.01  # share of the values
ANSWERED = ("missing", "unseen", "range")  # by what the training data hold, day by day


class Quality:
    """Counts, piece by piece, what schema.py refuses.

    Checks of the table as a whole are left out: they may ask for the answer, which comes later.
    """

    def __init__(self, module: ModuleType, names: list[str]) -> None:
        self.module, self.names = module, [n for n in names if n in module.schema.columns]
        self.schema = module.schema.select_columns(self.names)
        self.schema.checks = []
        self.truths = {n for n, it in self.schema.columns.items() if kind_of(it) == "boolean"}
        self.rows = 0
        self.found: dict[tuple[str, str], tuple[int, float]] = {}  # count, share seen before
        self.own: dict[tuple[str, str], int] = {}

    def take(self, piece: pd.DataFrame) -> pd.DataFrame:
        """Count, and give the columns their dtypes: see `conform`."""
        held = piece[[n for n in self.names if n in piece]].copy(deep=False)
        for name in self.truths.intersection(held):
            if held[name].dtype.kind == "f":  # as a model takes them: 0 or 1
                held[name] = held[name].map({0.0: False, 1.0: True}).astype("boolean")
        table, findings = conform(held, self.schema)
        for it in findings:
            self.add(str(it.column), it.check, it.count, 0.0)
        with measuring() as measures:
            for it in own_checks(table, self.schema):
                key = str(it.column), it.check
                self.own[key] = self.own.get(key, 0) + max(it.count, 1)
        for measure in measures:
            if measure.check not in ANSWERED:
                self.add(measure.column, measure.check, measure.count, measure.seen)
        self.rows += len(piece)
        return table

    def add(self, column: str, check: str, count: int, seen: float) -> None:
        self.found[column, check] = (self.found.get((column, check), (0, 0.0))[0] + count, seen)

    def checks(self) -> Iterator[Check]:
        """What was found; an own check that fails anywhere is an alert, as it stops training."""
        for (column, check), (count, seen) in self.found.items():
            limit = WRONG_TYPE if check in ("type", "gone") else LIMIT
            limit = float(getattr(self.module, LIMITS.get(check, ""), limit))
            share = count / max(self.rows, 1)
            yield Check(
                "quality", check, column, value=share - seen, threshold=limit, before=seen,
                after=share, rows=self.rows, p=float(bdtrc(count - 1, self.rows, seen)),
            )  # fmt: skip
        for (column, check), count in self.own.items():
            yield Check(
                "quality", check, column, value=count / max(self.rows, 1), threshold=0.0,
                after=count / max(self.rows, 1), rows=self.rows, state=ALERT,
            )  # fmt: skip
