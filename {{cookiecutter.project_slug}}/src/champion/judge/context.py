"""What the report tells beside the verdict: where both models come from and how they differ."""

import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

from champion.judge import changes, claims, policy
from champion.judge.challenge import Challenge, Challenger, stop
from champion.judge.champion import Champion, output
from champion.judge.commit import HOME, answer, run_commit
from champion.judge.drift import drift
from champion.judge.wording import amount
from champion.project import MODEL
from champion.settings import Settings
from champion.workspace import environment, objects
from champion.workspace.git import show
from champion.workspace.objects import sha256

SURE = 2  # deviations of the repeats, beyond which an importance has changed
GAP = 3  # standard errors between holdout and cross-validation, beyond which it is remarked


def about(tip: str, it: Challenger) -> dict[str, Any]:
    """What is known of the challenger without its data."""
    texts = {name: it.read(name) for name in ("params.yaml", "requirements.txt", "dvc.yaml")}
    return {
        "challenger": {
            "commit": it.commit,
            "model": it.model,
            "predictions_sha256": sha256(it.predictions),
            "data": it.data,
        },
        "run": None,
        "changes": {**changes.described(tip, texts, it.paths), "data": None},
        "data_findings": claims.findings(it.reports, "warnings"),
        "champion": None,
        "cv": None,
        "caps": [],
        "drift": [],
        "explanations": [],
    }


def add_comparison(file: dict[str, Any], it: Challenge, settings: Settings) -> None:
    """Add what only both models together tell."""
    if it.data_changed:
        old, new = it.earlier.rows["row_id"], it.rows.rows["row_id"]
        both = int(new.isin(old).sum())
        file["changes"]["data"] = {
            "champion_rows": len(old), "challenger_rows": len(new),
            "added": len(new) - both, "removed": len(old) - both,
        }  # fmt: skip
        file["drift"] = drift(it.earlier.features, it.rows.features)
    if it.champion is None:
        return
    commit = it.champion.commit
    file["champion"] = {"version": it.champion.version, "commit": commit}
    if not file["metric"]:
        return
    name, reports = file["metric"]["name"], it.challenger.reports
    before = claims.parsed(show(commit, "reports/cv.json"))
    after = claims.read(reports / "cv.json")
    file["cv"] = {
        "champion": claims.number(before.get(name)),
        "challenger": claims.number(after.get(name)),
    }
    file["findings"] += gap(file, reports)
    file["explanations"] = explanations(commit, reports)
    file["caps"] = caps(file, it, settings)
    stop_at(file, file["caps"])


def stop_at(file: dict[str, Any], limits: list[dict[str, Any]]) -> None:
    """Forbid the merge of a model that is beyond a limit."""
    for limit in limits:
        if not limit["passed"]:
            what = limit["label"].partition(",")[0]
            times = f"{limit['ratio']:.2g} times the champion's"
            stop(file, f"The {what} is {times}; gate.yaml allows {limit['limit']:g}.")


def ask(file: dict[str, Any], settings: Settings, own: Settings, it: Challenger) -> None:
    """Forbid the merge of what the policy does not let through, whatever the verdict.

    own : the challenger's gate.yaml
    """
    file["policies"] = policy.checked(settings.policy, own, it.read)
    for reason in reversed(list(policy.reasons(file["policies"]))):
        stop(file, reason)


def gap(file: dict[str, Any], reports: Path) -> list[str]:
    """A remark where the holdout and cross-validation disagree beyond chance."""
    measured = claims.holdout(reports, file["metric"]["name"])
    each = claims.folds(reports, file["metric"]["name"])
    if not measured or len(each) < 2:
        return []
    value, within = measured
    mean = statistics.fmean(each)
    error = math.hypot(within, statistics.stdev(each) / math.sqrt(len(each)))
    if not error or abs(value - mean) <= GAP * error:
        return []
    return [
        f"{file['metric']['label']} is {amount(value)} on the holdout and {amount(mean)} in "
        "cross-validation: the rows differ, or training saw the holdout."
    ]


def explanations(commit: str, reports: Path) -> list[dict[str, Any]]:
    """The importance of the features before and after, the largest change first.

    `moved`: by more than chance, as far as the repeats of the shuffling tell; null where only one of
    the models has the feature.
    """
    old, new = (
        {it["feature"]: it for it in claims.features(content) if it["importance"] is not None}
        for content in (
            claims.parsed(show(commit, "reports/explanation.json")),
            claims.read(reports / "explanation.json"),
        )
    )
    found = []
    for name in dict.fromkeys([*new, *old]):
        before, after = (side.get(name, {}) for side in (old, new))
        row = {"feature": name, "champion": before.get("importance"),
               "challenger": after.get("importance"), "se": None, "moved": None}  # fmt: skip
        spread, wider = before.get("importance_std"), after.get("importance_std")
        if spread is not None and wider is not None:
            row["se"] = math.hypot(spread, wider)
            row["moved"] = abs(after["importance"] - before["importance"]) > SURE * row["se"]
        found.append(row)
    return sorted(found, key=lambda it: -abs((it["champion"] or 0) - (it["challenger"] or 0)))


def caps(file: dict[str, Any], it: Challenge, settings: Settings) -> list[dict[str, Any]]:
    """Size and latency as multiples of the champion's, where gate.yaml limits them."""
    assert it.champion is not None
    model = output(it.champion.commit, "train", MODEL)
    assert model
    found = []
    if limit := settings.gate.max_size:
        before, after = objects.find(model).stat().st_size / 1e6, it.challenger.model["size"] / 1e6
        found.append(cap("size", "size of the model, MB", before, after, limit))
    if limit := settings.gate.max_latency:
        before, after = (1000 * each for each in it.challenger.seconds(it.champion))
        found.append(cap("latency", "latency, ms for 1000 rows", before, after, limit))
    return found


def seconds(champion: Champion, data: str) -> tuple[float, float]:
    """What 1,000 predictions take the champion and the working tree's model, on this machine."""
    model = output(champion.commit, "train", MODEL)
    before = run_commit(champion.commit, data, model, anew=True)
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        after = answer(environment.find(), Path(), Path(folder, "run").absolute(), model=True)
        return before.about["seconds_per_1000"], after.about["seconds_per_1000"]


def cap(name: str, label: str, before: float, after: float, limit: float) -> dict[str, Any]:
    return {
        "name": name, "label": label, "champion": before, "challenger": after,
        "ratio": after / before, "limit": limit, "passed": after <= limit * before,
    }  # fmt: skip
