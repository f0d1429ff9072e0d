"""The chain of each version: data, code, parameters, verdict, approvals, promotion, rollback."""

from typing import Any

from champion.audit.judged import Judged
from champion.ci import standing
from champion.history import moment, told
from champion.judge.champion import read_yaml
from champion.judge.events import Event, Ledger, parsed
from champion.project import RAW, REPORTS
from champion.workspace.git import attempt, show

NOT_STATED = "not stated"
Chain = dict[str, Any]


def trail(ledger: Ledger, added: dict[str, int]) -> list[Chain]:
    """What is known of each version, the newest first; its keys are those of `chain`.

    added : the event that each of the ledger's commits added
    """
    commits = {number: commit for commit, number in added.items()}
    return [chain(ledger, event, commits.get(event.number, ""))
            for event in reversed(standing.promotions(ledger))]  # fmt: skip


def chain(ledger: Ledger, event: Event, recorded: str) -> Chain:
    """One version.

    recorded : the ledger's commit that promotes it
    """
    commit, verdict = event.body["commit"], ledger.events[event.body["verdict"] - 1]
    judged = Judged.of(verdict)
    return {
        "version": event.body["version"],
        "commit": commit,
        "model": {"md5": judged.model or None, "sha256": judged.model_sha256 or None},
        "predictions": {"sha256": judged.predictions_sha256 or None},
        "data": data(commit, str(event.body.get("data") or judged.data)),
        "code": code(commit),
        "parameters": parameters(commit),
        "verdict": {
            "event": verdict.number, "time": verdict.time, "verdict": verdict.body["verdict"],
            "merge": verdict.body["merge"], "policy": verdict.body.get("policy"),
            "commit": judged.commit or None, "said": told(verdict), "run": run(verdict),
        },
        "approvals": approvals(ledger, event, verdict),
        "promotion": {
            "event": event.number, "time": event.time, "by": event.by, "run": run(event),
            "ledger": recorded or None,
        },
        "live": live(ledger, event.body["version"]),
    }  # fmt: skip


def data(commit: str, name: str) -> Chain:
    """The data of a commit: their hash, files, bytes, and rows as validation counted them."""
    outs = read_yaml(show(commit, f"{RAW.as_posix()}.dvc")).get("outs") or [{}]
    out = outs[0] if isinstance(outs[0], dict) and outs[0].get("md5") == name else {}
    try:
        report = parsed(show(commit, f"{REPORTS.as_posix()}/data.json").encode())
    except (ValueError, RecursionError):
        report = {}
    rows = report.get("rows") if isinstance(report, dict) else None
    return {"hash": name or None, "files": number(out.get("nfiles")),
            "bytes": number(out.get("size")), "rows": number(rows)}  # fmt: skip


def number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def code(commit: str) -> Chain:
    """Who made a commit, as it says itself."""
    said = attempt("show", "--no-patch", "--format=%an%x00%aI%x00%s", commit).stdout.rstrip("\n")
    author, date, subject = said.split("\0") if said else (None, None, None)
    return {"commit": commit, "author": author, "date": date, "subject": subject}


def parameters(commit: str) -> dict[str, Any] | None:
    """What the model was trained with, as dvc.lock has it: `model.kind` and so on."""
    stages = read_yaml(show(commit, "dvc.lock")).get("stages")
    train = stages.get("train") if isinstance(stages, dict) else None
    params = train.get("params") if isinstance(train, dict) else None
    held = params.get("params.yaml") if isinstance(params, dict) else None
    return flat(held) if isinstance(held, dict) else None


def flat(held: dict[str, Any], before: str = "") -> dict[str, Any]:
    """{"a.b": 1} of {"a": {"b": 1}}"""
    found: dict[str, Any] = {}
    for key, value in held.items():
        found |= (
            flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
        )
    return found


def approvals(ledger: Ledger, event: Event, verdict: Event) -> list[Chain]:
    """Who asked for what, with the reason that was given; empty where the ledger names nobody."""
    found = []
    asked = verdict.body.get("asked")
    if isinstance(asked, dict):
        found.append(
            approval("asked for the policy maintain", verdict, asked.get("by"), asked.get("reason"))
        )
    elif verdict.by:
        found.append(approval("asked the judge", verdict, verdict.by))
    for it in ledger.events[: event.number]:
        if it.kind == "override" and it.body.get("verdict") == verdict.number:
            found.append(approval("overrode the judge", it, it.by, it.body["reason"]))
    if event.by:
        found.append(approval("promoted it", event, event.by))
    return found + [of_person(it, event) for it in event.body.get("people") or []]


def of_person(it: Chain, event: Event | None = None) -> Chain:
    """Who approved or merged: as promotion asked GitHub, or as GitHub says now."""
    said = approval(f"{it['what']} pull request #{it['pull']}", event, it["by"])
    return {**said, "pull": it["pull"]}


def approval(what: str, event: Event | None, by: Any, reason: Any = None) -> Chain:
    """What somebody did; without an event it is GitHub that says so."""
    place = {"event": event.number, "time": event.time} if event else {"event": None, "time": None}
    return {"what": what, **place, "by": by, "reason": reason}


def live(ledger: Ledger, version: str) -> list[Chain]:
    """When a version was in production: by which event it came, and by which it went."""
    reigns = standing.reigns(ledger)
    found = []
    for event, after in zip(reigns, [*reigns[1:], None], strict=True):
        if event.body["version"] != version:
            continue
        came: Chain = {"event": event.number, "since": event.time, "by": event.by,
                       "reason": event.body.get("reason"), "until": None, "gone": None}  # fmt: skip
        if after:
            came |= {"until": after.time, "gone": {
                "event": after.number, "kind": after.kind, "by": after.by,
                "version": after.body["version"], "reason": after.body.get("reason")}}  # fmt: skip
        found.append(came)
    return found


def run(event: Event) -> Chain | None:
    """The run that an event names."""
    named = event.body.get("run")
    return (
        {key: named.get(key) for key in ("id", "attempt", "url")}
        if isinstance(named, dict)
        else None
    )


def steps(it: Chain) -> dict[str, str]:
    """The chain in words, by step; what nothing says is "not stated"."""
    return {
        "data": of_data(it["data"]),
        "code": of_code(it["code"]),
        "parameters": ", ".join(f"{key} {value}" for key, value in (it["parameters"] or {}).items())
        or NOT_STATED,
        "verdict": of_verdict(it["verdict"], it["model"]),
        "approvals": "; ".join(map(of_approval, it["approvals"])) or NOT_STATED,
        "promotion": of_promotion(it["promotion"]),
        "rollback": "; ".join(of_rollback(it["live"])) or "none",
    }


def of_data(it: Chain) -> str:
    counts = [f"{it[what]:,} {what if it[what] != 1 else what[:-1]}"
              for what in ("rows", "files", "bytes") if it[what] is not None]  # fmt: skip
    return ", ".join([short(it["hash"]), *counts])


def of_code(it: Chain) -> str:
    if not it["author"]:
        return f"{short(it['commit'])}, which is not here"
    return f"{short(it['commit'])}, {it['author']}, {moment(it['date'])}: {it['subject']}"


def of_verdict(it: Chain, model: Chain) -> str:
    words = [it["said"], f"event {it['event']}", of_run(it["run"]), f"policy {it['policy']}" if it["policy"] else "",
             f"of commit {it['commit'][:10]}" if it["commit"] else "",
             f"model {model['md5'][:10]}, sha256 {model['sha256'] or NOT_STATED}" if model["md5"] else ""]  # fmt: skip
    return ", ".join(filter(None, words))


def of_promotion(it: Chain) -> str:
    words = [moment(it["time"]), f"event {it['event']}", of_run(it["run"]),
             f"commit {short(it['ledger'])} of the ledger"]  # fmt: skip
    return ", ".join(filter(None, words))


def of_run(it: Chain | None) -> str:
    return f"run {it['id']}" if it and it["id"] else ""


def of_approval(it: Chain) -> str:
    because = f", “{it['reason']}”" if it["reason"] else ""
    place = f"event {it['event']}" if it["event"] else "GitHub says"
    return f"{it['by'] or NOT_STATED} {it['what']} ({place}){because}"


def of_rollback(reigns: list[Chain]) -> list[str]:
    """The rollbacks that took a version out of production, and that put it back."""
    found = []
    for it in reigns:
        if it["reason"]:
            found.append(f"put back by {by(it)}, {moment(it['since'])}, “{it['reason']}”")
        if it["gone"] and it["gone"]["kind"] == "rollback":
            found.append(f"{it['gone']['version']} was put in its place by {by(it['gone'])}, "
                         f"{moment(it['until'])}, “{it['gone']['reason']}”")  # fmt: skip
    return found


def by(it: Chain) -> str:
    return f"{it['by'] or NOT_STATED} (event {it['event']})"


def short(digest: str | None) -> str:
    return digest[:10] if digest else NOT_STATED
