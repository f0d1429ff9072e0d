"""Did each event come of a run of the default branch's workflow? GitHub is asked."""

import os
from datetime import UTC, datetime

from champion.audit.remarks import RUNS, Remark
from champion.ci.api import Api
from champion.ci.confirm import (
    KEPT,
    Doubt,
    Expired,
    Gone,
    claimed,
    confirm,
    differs,
    left,
    read,
    succeeded,
)
from champion.ci.judged import VERDICT
from champion.errors import Refusal
from champion.judge.events import Event, Ledger
from champion.workspace import gh, readers
from champion.workspace.git import git, has_remote

CONFIRMED, EXPIRED, DOUBTED = "confirmed", "expired", "doubted"
GITHUB = "github.com"


def connect() -> Api:
    """The repository of origin at its GitHub: with a workflow's token, GITHUB_TOKEN, or gh's.

    Raises
    ------
    Refusal : it is at no GitHub that can be asked.
    """
    if {"GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN"} <= os.environ.keys():
        return Api.of_job()
    where = readers.address(git("remote", "get-url", "origin")) if has_remote() else None
    token = os.environ.get("GITHUB_TOKEN")
    if where and where.host == GITHUB and token:  # which is for no other host
        return Api(f"https://api.{GITHUB}", where.path, token)
    hub = gh.connect("look at the runs that the ledger names")
    root = f"api.{GITHUB}" if hub.host == GITHUB else f"{hub.host}/api/v3"
    return Api(f"https://{root}", hub.name, hub.token())


def check(ledger: Ledger, api: Api, base: str, tip: str) -> tuple[list[Remark], dict[int, str]]:
    """Ask for the run of every event.

    Parameters
    ----------
    base, tip : the default branch, and its newest commit.

    Returns
    -------
    The remarks, and of each event that GitHub knows something of CONFIRMED, EXPIRED or DOUBTED.
    """
    found: list[Remark] = []
    states: dict[int, str] = {}
    for event in ledger.events:
        try:
            states[event.number], why = asked(ledger, event, api, base, tip)
        except Refusal as refusal:
            left = f"Events {event.number} to {len(ledger.events)} of the ledger"
            text = f"{left}: their runs are not checked, as {str(refusal).rstrip('.')}."
            return [*found, Remark(RUNS, text, checked=False)], states
        versions, what = (
            (str(event.body.get("version", "")),),
            f"Event {event.number} of the ledger",
        )
        step = event.kind if event.kind in ("promotion", "rollback") else ""
        if states[event.number] == EXPIRED:
            text = f"{what} ({event.kind}): not checked, as {why}."
            found.append(Remark(RUNS, text, versions, step, checked=False))
        elif states[event.number] == DOUBTED:
            text = (f"{what} ({event.kind}) is not what a workflow of {base} said: {why}; do not act "
                    "on it, and find out who wrote it.")  # fmt: skip
            found.append(Remark(RUNS, text, versions, step))
    return found, states


def asked(ledger: Ledger, event: Event, api: Api, base: str, tip: str) -> tuple[str, str]:
    """What GitHub says of an event, and why where it is not confirmed."""
    try:
        compare(ledger, event, api, base, tip)
    except Expired as expired:
        if event.kind in ("promotion", "rollback") and not succeeded(api, event):
            return DOUBTED, f"{expired}, and that run made no {event.kind} of it"
        return EXPIRED, str(expired)
    except Gone as gone:
        return (EXPIRED if old(event) else DOUBTED), str(gone)
    except Doubt as doubt:
        return DOUBTED, str(doubt)
    return CONFIRMED, ""


def compare(ledger: Ledger, event: Event, api: Api, base: str, tip: str) -> None:
    """Compare an event with what its run left.

    Raises
    ------
    Doubt : it is not the same.
    """
    if event.kind == "monitor":
        claimed(api, event, base, tip)
    elif event.kind == "verdict" and not event.body["merge"]:  # it may be about less than a model
        said = read(left(api, event, base, tip), VERDICT).get("challenger")
        if said != event.body["challenger"] and differs("verdict", said, event.body["challenger"]):
            raise Doubt("the judge judged another model")
    else:
        number = event.body.get("verdict") if event.kind == "override" else None
        named = ledger.events[number - 1] if number and 0 < number < event.number else None
        confirm(api, event, base, named, tip)


def old(event: Event) -> bool:
    """Whether GitHub may have dropped the run: an event may say so itself, which proves nothing."""
    return datetime.now(UTC) - datetime.fromisoformat(event.time) > KEPT
