"""What the report tells beside the verdict: where both models come from and how they differ."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from champion.judge import changes
from champion.judge.challenge import Challenge, stop
from champion.judge.champion import output, tracked_data
from champion.judge.commit import HOME, answer, run_commit
from champion.judge.drift import drift
from champion.judge.wording import amount
from champion.project import MODEL, PREDICTIONS, REPORTS
from champion.settings import Settings
from champion.workspace import environment, objects
from champion.workspace.git import git, show
from champion.workspace.objects import md5, sha256

GAP = 3  # standard errors between holdout and cross-validation, beyond which it is remarked


def about(tip: str, paths: list[str]) -> dict[str, Any]:
    """What is known of the challenger without its data."""
    names = ("params.yaml", "requirements.txt", "dvc.yaml")
    texts = {name: Path(name).read_text(encoding="utf-8") for name in names}
    found = read_json(REPORTS / "data.json")
    return {
        "challenger": {
            "commit": git("rev-parse", "HEAD"),
            "model": {"md5": md5(MODEL), "sha256": sha256(MODEL), "size": MODEL.stat().st_size},
            "predictions_sha256": sha256(PREDICTIONS),
            "data": tracked_data(),
        },
        "run": None,
        "changes": {**changes.described(tip, texts, paths), "data": None},
        "data_findings": found.get("warnings", []),
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
    after = read_json(REPORTS / "cv.json")
    if it.champion is None:
        return
    commit = it.champion.commit
    file["champion"] = {"version": it.champion.version, "commit": commit}
    if not file["metric"]:
        return
    name = file["metric"]["name"]
    before = json.loads(show(commit, "reports/cv.json") or "{}")
    file["cv"] = {"champion": before.get(name), "challenger": after.get(name)}
    file["findings"] += gap(file)
    file["explanations"] = explanations(commit)
    file["caps"] = caps(file, it, settings)
    stop_at(file, file["caps"])


def stop_at(file: dict[str, Any], limits: list[dict[str, Any]]) -> None:
    """Forbid the merge of a model that is beyond a limit."""
    for limit in limits:
        if not limit["passed"]:
            what = limit["label"].partition(",")[0]
            times = f"{limit['ratio']:.2g} times the champion's"
            stop(file, f"The {what} is {times}; gate.yaml allows {limit['limit']:g}.")


def gap(file: dict[str, Any]) -> list[str]:
    """A remark where the holdout and cross-validation disagree beyond chance."""
    measured = read_json(REPORTS / "holdout.json").get("metrics", {}).get(file["metric"]["name"])
    each = np.array(read_json(REPORTS / "folds.json").get(file["metric"]["name"], []), float)
    if not measured or measured["se"] is None or len(each) < 2:
        return []
    difference = measured["value"] - each.mean()
    error = math.hypot(measured["se"], each.std(ddof=1) / math.sqrt(len(each)))
    if not error or abs(difference) <= GAP * error:
        return []
    return [
        f"{file['metric']['label']} is {amount(measured['value'])} on the holdout and "
        f"{amount(each.mean())} in cross-validation: the rows differ, or training saw the holdout."
    ]


def explanations(commit: str) -> list[dict[str, Any]]:
    """The importance of the features before and after, the largest change first."""
    texts = (show(commit, "reports/explanation.json"), read_text(REPORTS / "explanation.json"))
    old, new = (
        {it["feature"]: it["importance"] for it in json.loads(text or "{}").get("features", [])}
        for text in texts
    )
    found = [
        {"feature": name, "champion": old.get(name), "challenger": new.get(name)}
        for name in dict.fromkeys([*new, *old])
    ]
    return sorted(found, key=lambda it: -abs((it["champion"] or 0) - (it["challenger"] or 0)))


def caps(file: dict[str, Any], it: Challenge, settings: Settings) -> list[dict[str, Any]]:
    """Size and latency as multiples of the champion's, where gate.yaml limits them."""
    assert it.champion is not None
    model = output(it.champion.commit, "train", MODEL)
    assert model
    found = []
    if limit := settings.gate.max_size:
        before, after = (path.stat().st_size / 1e6 for path in (objects.find(model), MODEL))
        found.append(cap("size", "size of the model, MB", before, after, limit))
    if limit := settings.gate.max_latency:
        champion = run_commit(it.champion.commit, tracked_data(), model, anew=True)
        with tempfile.TemporaryDirectory(dir=HOME) as folder:
            scored = answer(environment.find(), Path(), Path(folder, "run").absolute(), model=True)
            before, after = (1000 * run.about["seconds_per_1000"] for run in (champion, scored))
        found.append(cap("latency", "latency, ms for 1000 rows", before, after, limit))
    return found


def cap(name: str, label: str, before: float, after: float, limit: float) -> dict[str, Any]:
    return {
        "name": name, "label": label, "champion": before, "challenger": after,
        "ratio": after / before, "limit": limit, "passed": after <= limit * before,
    }  # fmt: skip


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(read_text(path) or "{}")
