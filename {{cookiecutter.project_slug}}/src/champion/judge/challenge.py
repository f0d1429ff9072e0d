"""Judge a challenger beside the champion, on rows that the default branch's code derives."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.judge import budget, evidence, fair, ledger, paths
from champion.judge.champion import Champion, anchor, data_of, output
from champion.judge.commit import HOME, LOCK, Run, libraries, run_commit
from champion.judge.verdict import judge, named
from champion.project import MODEL
from champion.settings import GUARDED_SLICES, Gate, Settings
from champion.tables.read import write_parquet
from champion.workspace.git import show
from champion.workspace.objects import sha256

EVIDENCE = HOME / "evidence" / "holdout.parquet"
SLICE = "slice_"  # before the names of slice columns, as `judge/rows.py` writes them
LEAKED = 0.05  # share of the holdout that the champion may have trained on
SAME_AFTER_LOCK = 1e-6  # other libraries round differently
SCHEMA = ("src/*/schema.py",)
DRAWING = (
    "target",
    "task",
    "positive",
    "id",
    "time",
    "group",
)  # of gate.yaml's data: they draw rows


@dataclass(frozen=True)
class Challenger:
    """The model that is judged. What its branch made may be hostile.

    Parameters
    ----------
    paths : what differs from the default branch.
    data : the hash of its raw data in DVC.
    reports : the folder of what its pipeline wrote about itself.
    model : md5, sha256 and size of its file.
    read : a file of its commit as text; empty where there is none.
    seconds : what 1,000 predictions take a champion and this model.
    """

    commit: str
    paths: list[str]
    data: str
    predictions: Path
    reports: Path
    model: dict[str, Any]
    read: Callable[[str], str]
    seconds: Callable[[Champion], tuple[float, float]]


@dataclass
class Challenge:
    """A challenger beside the champion, on rows that the default branch's code derived.

    Parameters
    ----------
    rows : the challenger's data, as the default branch's code names them.
    earlier : the default branch's own data, likewise; the same where the data did not change.
    champion_run, anchor_run : what the champion says, and the last model that was proven better;
        None where there is none.
    """

    challenger: Challenger
    champion: Champion | None
    rows: Run
    earlier: Run
    champion_run: Run | None
    anchor_run: Run | None
    trained: Run | None  # the champion's own data, with its own code
    seed: int | None  # of a new holdout

    @property
    def data_changed(self) -> bool:
        return self.rows.folder != self.earlier.folder


def other_seed(judging: Settings, own: Settings) -> int | None:
    """The seed of a new holdout, where the challenger changes nothing else of the split.

    Raises
    ------
    Invalid : it redraws the holdout in another way, and would choose its own questions.
    """
    changed = [
        f"{section}.{key}"
        for section, keys in (("split", vars(judging.split)), ("data", DRAWING))
        for key in keys
        if getattr(getattr(judging, section), key) != getattr(getattr(own, section), key)
    ]
    if changed == ["split.seed"]:
        return own.split.seed
    if changed:
        raise evidence.Invalid(
            f"gate.yaml: {changed[0]} changed, and with it the rows of the holdout: take that back; "
            "for a fresh holdout run `make new-holdout`."
        )
    return None


def refuse_own_metric(gate: Gate, paths: list[str]) -> None:
    """A metric of the user's is code: the default branch's decides, no change of it.

    Raises
    ------
    Invalid : the challenger changes it.
    """
    guards = [name for name, _ in named(gate.guards, "") if not name.startswith(GUARDED_SLICES)]
    for name in [gate.metric, *guards]:
        module = (name or "").partition(":")[0] if ":" in (name or "") else ""
        folder = f"src/{module.replace('.', '/')}"
        if module and any(p == f"{folder}.py" or p.startswith(f"{folder}/") for p in paths):
            raise evidence.Invalid(
                f"the code of the metric {name} changed, by which models are judged: take that back; "
                "to change it needs the owner's override."
            )


def prepare(
    tip: str, it: Challenger, champion: Champion | None, seed: int | None = None
) -> Challenge:
    """Have the default branch's code name the rows, and the champion score them.

    Parameters
    ----------
    champion : None: there is none to compare with.
    seed : of a new holdout.

    Raises
    ------
    Invalid : the data, or the champion on them, are refused.
    """
    data, own = it.data, data_of(tip)
    model = output(champion.commit, "train", MODEL) if champion else None
    if champion is None:
        print("There is no champion: the challenger is compared with a dummy model.")
    elif champion.version is None:
        print(f"No model was promoted yet: the default branch's {champion.commit[:7]} stands in.")
    print("Deriving the holdout and scoring the champion on it", flush=True)
    at_tip = model if champion and champion.commit == tip else None
    libraries(show(tip, LOCK))  # once, not by each of the two
    with ThreadPoolExecutor() as side_by_side:  # each is a process
        runs = {
            name: side_by_side.submit(run_commit, tip, name, at_tip, seed)
            for name in dict.fromkeys((data, own))
        }
    try:
        rows = runs[data].result()
    except evidence.Invalid as invalid:
        if not paths.matching(it.paths, SCHEMA):
            raise
        raise evidence.Invalid(
            f"{invalid} The default branch's schema judges: send the new one first, in a pull request "
            "of its own."
        ) from invalid
    earlier = runs[own].result()
    if champion is None:
        return Challenge(it, None, rows, earlier, None, None, None, seed)
    proven = anchor(champion)
    proven_run = None
    if proven:
        proven_run = run_commit(proven.commit, data, output(proven.commit, "train", MODEL))
    if at_tip:
        return Challenge(it, champion, rows, earlier, rows, proven_run, earlier, seed)
    scored = run_commit(champion.commit, data, model)
    learned = data_of(champion.commit)
    trained = scored if learned == data else run_commit(champion.commit, learned)
    return Challenge(it, champion, rows, earlier, scored, proven_run, trained, seed)


def decide(it: Challenge, settings: Settings, policy: str) -> dict[str, Any]:
    """The verdict on the rows that both models may be asked about."""
    rows = it.rows.rows
    if it.data_changed:
        refuse_lost_rows(it.earlier.rows, rows)
    held = rows[rows["holdout"]].sort_values("row_id")
    features = it.rows.features.loc[held.index].reset_index(drop=True)
    held = held.reset_index(drop=True)
    fresh, remarks = without_trained(held, it.trained)
    holdout = write_evidence(held, EVIDENCE)
    settings.data.positive = None  # the rows say true and false by now
    settings.data.slices = [column for column in held if column.startswith(SLICE)]
    if paths.kind(it.challenger.paths) == "lock":
        settings.gate.equivalent = max(settings.gate.equivalent, SAME_AFTER_LOCK)
    champion = it.champion_run.predictions if it.champion_run else None
    proven = it.anchor_run.predictions if it.anchor_run else None
    case = evidence.case(holdout, it.challenger.predictions, champion, proven, settings)
    case.slices.columns = case.slices.columns.str.removeprefix(SLICE)
    file = judge(case.only(fresh), settings.gate, policy, *standing(held["row_id"]))
    file["budget"]["holdout"] = sha256(holdout)
    file["findings"] += remarks
    if file["verdict"] != "equivalent":
        file |= fair.described(case.only(fresh), held["row_id"][fresh], features[fresh], settings)
    if it.data_changed:
        known = set(it.earlier.rows.loc[it.earlier.rows["holdout"], "row_id"])
        earlier = fresh & held["row_id"].isin(known).to_numpy()
        before = judge(case.only(earlier), settings.gate, policy) if earlier.any() else None
        if why := harm_of_new_rows(before, paths.kind(it.challenger.paths) == "model"):
            stop(file, why)
    if it.seed is not None:
        stop(file, "A new holdout compares with a dummy model only: it needs the owner's override.")
    return file


def standing(rows: pd.Series) -> tuple[int, int]:
    """The number of this look at these rows, and the merges before, as the ledger here has them."""
    looks = ledger.read(ledger.newest(online=False)[0]).looks()
    stands = budget.count(looks, budget.sketch(rows)) if looks else budget.Budget(1, 0)
    return stands.look, stands.merges


def stop(file: dict[str, Any], reason: str) -> None:
    """Forbid the merge, whatever the verdict."""
    file["merge"] = False
    file["reasons"].insert(0, reason)


def refuse_lost_rows(before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Refuse data in which a row of the holdout is gone or has another content.

    A window of time may drop its oldest rows.

    Raises
    ------
    Invalid : with how many.
    """
    held = before[before["holdout"]]
    known = after.set_index("row_id")["content"].reindex(held["row_id"])
    gone = known.isna().to_numpy().copy()
    if "time" in after:
        gone &= ~(held["time"] < after["time"].min()).to_numpy()
    changed = ~known.isna().to_numpy() & (known.to_numpy() != held["content"].to_numpy())
    for count, what in ((int(gone.sum()), "lack"), (int(changed.sum()), "change the values of")):
        if count:
            raise evidence.Invalid(
                f"the data {what} {count:,} of the {len(held):,} rows of the default branch's holdout "
                "(a row with another answer is another row): put them back; a correction that is "
                "meant needs the owner's override."
            )


def without_trained(held: pd.DataFrame, trained: Run | None) -> tuple[np.ndarray, list[str]]:
    """Where the holdout's rows are new to the champion, and a remark on those that are not.

    Raises
    ------
    Invalid : it trained on too many of them.
    """
    if trained is None:
        return np.ones(len(held), bool), []
    rows = trained.rows
    seen = held["row_id"].isin(rows["row_id"][~rows["holdout"]]).to_numpy()
    count = int(seen.sum())
    if count > LEAKED * len(held):
        raise evidence.Invalid(
            f"the champion trained on {count:,} of the holdout's {len(held):,} rows: wait until the "
            "window has moved on, or ask the owner for a new holdout."
        )
    remark = f"{count:,} rows of the holdout are left out: the champion trained on them."
    return ~seen, [remark] if count else []


def harm_of_new_rows(before: dict[str, Any] | None, model: bool) -> str:
    """Why new rows are no excuse; empty if nothing is wrong. Who adds rows chooses questions.

    Parameters
    ----------
    before : the verdict on the rows that were in the holdout already; None: there are none, as a
        window of time has moved on.
    model : not only the data changed.
    """
    if before is None:
        return "Data and code changed: send the data first, then the model." if model else ""
    if before["verdict"] == "worse" or (model and not before["merge"]):
        return f"The data changed, and on the holdout's earlier rows: {before['reasons'][0]}"
    return ""


def write_evidence(held: pd.DataFrame, path: Path) -> Path:
    """Write the holdout as `compare` reads it."""
    slices = [column for column in held if column.startswith(SLICE)]
    write_parquet(
        held[["row_id", "y_true", *(["group"] if "group" in held else []), *slices]], path
    )
    return path
