"""The answers that came later, by the id of the request.

Ids are kept as 64-bit hashes: ten million take 160 MB with their answers, and the chance that any two
of them share a hash is 3 in a million.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.errors import Refusal, shown
from champion.monitor.log import ID, Log
from champion.project import user_module
from champion.settings import Settings
from champion.tables.conform import CONVERT, strings
from champion.tables.roles import class_name, class_names
from champion.tables.schema import kind_of

Array = NDArray[np.float64]
Hashes = NDArray[np.uint64]


@dataclass
class Labels:
    """Answers by id.

    Parameters
    ----------
    ids : sorted, each once.
    y : as `metrics.measure` takes it.
    double : ids with two different answers, left out.
    foreign : answers of a class that the champion does not know, or that are no number.
    damaged : files that do not open.
    """

    ids: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    y: Array = field(default_factory=lambda: np.zeros(0))
    double: int = 0
    foreign: int = 0
    damaged: list[str] = field(default_factory=list)

    def of(self, ids: Hashes) -> Array:
        """The answers to some requests; NaN where there is none yet."""
        if not len(self.ids):
            return np.full(len(ids), np.nan)
        place = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        return np.where(self.ids[place] == ids, self.y[place], np.nan)


def read(url: str, settings: Settings, classes: list[str]) -> Labels:
    """Read a table of ids and answers.

    classes : multiclass: their names.

    Raises
    ------
    Refusal : it has no column of ids, or of answers.
    """
    target = settings.data.target
    log, ids, answers, foreign = Log(url), [], [], 0
    for piece in log.pieces([ID, str(settings.data.id), target]):
        name = id_of(piece, settings)
        if name is None or target not in piece:
            raise Refusal(
                f"{shown(url)} needs the columns {ID} and {target}: one row a request, with the "
                "answer that came later."
            )
        told = piece[piece[target].notna() & piece[name].notna()]
        held = conformed(told[target])
        y = np.where(held.notna(), coded(held, settings, classes), np.nan)
        foreign += int(np.isnan(y).sum())
        ids.append(hashes(told[name])[~np.isnan(y)])
        answers.append(y[~np.isnan(y)])
    if not ids:
        return Labels(damaged=log.damaged)
    table = pd.DataFrame({"id": np.concatenate(ids), "y": np.concatenate(answers)})
    table = table.drop_duplicates().sort_values("id", ignore_index=True)
    double = table["id"].duplicated(keep=False)
    kept = table[~double]
    count = int(table.loc[double, "id"].nunique())
    return Labels(kept["id"].to_numpy(), kept["y"].to_numpy(), count, foreign, log.damaged)


def id_of(table: pd.DataFrame, settings: Settings) -> str | None:
    """The column that names a request."""
    return next((n for n in (ID, settings.data.id) if n is not None and n in table), None)


def hashes(ids: pd.Series) -> Hashes:
    """Ids as numbers; 7 and "7" are the same."""
    texts = pd.Series(strings(ids).to_numpy(), dtype="str")
    return pd.util.hash_pandas_object(texts, index=False, categorize=False).to_numpy()


def conformed(answers: pd.Series) -> pd.Series:
    """Answers as the stages have them: yes and no may be true and false by schema.py."""
    it = user_module("schema").schema.columns.get(answers.name)
    return answers if it is None else CONVERT[kind_of(it)](answers, it.metadata or {})[0]


def coded(answers: pd.Series, settings: Settings, classes: list[str]) -> Array:
    """Answers as numbers: 0 or 1, the class's place, the number; NaN for any other."""
    if settings.data.task == "regression":
        numbers = pd.to_numeric(answers, errors="coerce").to_numpy("float64", na_value=np.nan)
        return np.where(np.isfinite(numbers), numbers, np.nan)
    names = class_names(answers).astype("str")
    if settings.data.task == "multiclass":
        return names.map({name: float(place) for place, name in enumerate(classes)}).to_numpy(float)
    return (names == class_name(settings.data.positive)).to_numpy(float)
