"""What the section `policy` of gate.yaml asks for before a merge: it can stop one, never allow one.

The default branch's policy asks. Of the branch, card.yaml and gate.yaml are read as text.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from champion.judge.champion import read_yaml
from champion.judge.paths import matching
from champion.judge.verdict import named
from champion.judge.wording import listed
from champion.settings import GUARDED_SLICES, MOST_BYTES, Policy, Settings

CARD = "card.yaml"
STATED = ("purpose", "limits", "data_licence", "data_source", "contact")
LICENCE = ("data_licence",)
UNSTATED = "not stated"
SCHEMA = ("src/*/schema.py",)


def checked(policy: Policy, own: Settings, read: Callable[[str], str]) -> list[dict[str, Any]]:
    """Each rule that is set: rule, passed, and why it is not.

    A review is no matter of the files: see `unreviewed`.

    Parameters
    ----------
    own : the branch's gate.yaml.
    read : a file of the branch as text.
    """
    found = []
    if policy.card or policy.licence:
        card = stated(read)
        for rule, on, keys in (("card", policy.card, STATED), ("licence", policy.licence, LICENCE)):
            if on:
                missing = [key for key in keys if key not in card]
                why = f"{CARD} does not state {listed(missing, len(keys))}" if missing else ""
                found.append(result(f"{rule}: {on}", why))
    if policy.slices:
        guarded = {name for name, _ in named(own.gate.guards, "")}
        bare = [it for it in own.data.slices if f"{GUARDED_SLICES}{it}" not in guarded]
        why = "gate.yaml names no slice" if not own.data.slices else ""
        if bare:
            why = f"gate.guards has no {listed([GUARDED_SLICES + it for it in bare])}"
        found.append(result(f"slices: {policy.slices}", why))
    return found


def result(rule: str, why: str) -> dict[str, Any]:
    return {"rule": rule, "passed": not why, "why": why}


def stated(read: Callable[[str], str]) -> set[str]:
    """The keys of card.yaml that say something."""
    text = ""
    with suppress(OSError, UnicodeError):
        text = read(CARD)
    content = read_yaml(text) if len(text) <= MOST_BYTES else None
    if not isinstance(content, dict):
        return set()
    return {key for key, value in content.items() if isinstance(key, str) and says(value)}


def says(value: Any) -> bool:
    """Whether a value is text that says something."""
    if not isinstance(value, str) or value.strip().strip(".").lower() == UNSTATED:
        return False
    return any(letter.isalnum() for letter in value)


def reasons(found: list[dict[str, Any]]) -> Iterator[str]:
    """Why the rules stop a merge."""
    for it in found:
        if not it["passed"]:
            yield f"Policy {it['rule']}: {it['why']}."


def unreviewed(policy: Policy, owned: list[str], holds: list[str]) -> list[str]:
    """Why a change of the schema waits; empty where it has an owner's word, or is none.

    Parameters
    ----------
    owned : the paths that the branch changes and owners have to agree to.
    holds : not empty while no owner has.
    """
    changed = matching(owned, SCHEMA)
    if not (policy.schema and changed and holds):
        return []
    return [f"Policy schema: {policy.schema}: no owner has approved the change of {changed[0]}."]
