"""By whose word the model went live, and what was seen of it since."""

from collections.abc import Iterator
from typing import Any

from champion.card.parts import Parts, Promoted
from champion.card.words import NOT_MEASURED, NOT_STATED, facts, figures
from champion.judge.events import Event
from champion.judge.wording import SHOWN, interval, level, spent_so_far
from champion.markdown import bullets, code, prose

MOST_LOOKS = 20


def verdict(it: Parts) -> Iterator[str]:
    if it.promoted is None:
        yield "*not judged yet*: that happens in its pull request."
        return
    body, override = it.promoted.verdict.body, it.promoted.override
    metric, budget, asked = body.get("metric"), body.get("budget"), body.get("asked")
    champion = body.get("champion")
    against = "a dummy model, as there was no champion"
    if isinstance(champion, dict):
        against = code(champion.get("version") or champion.get("commit") or "not named")
    rows = [("verdict", f"**{SHOWN[body['verdict']]}**, event {it.promoted.verdict.number}"),
            ("policy", code(body.get("policy") or "not stated")), ("compared with", against)]  # fmt: skip
    if metric:
        sides = " → ".join(level(metric[side], metric["se"]) for side in ("champion", "challenger"))
        better = f", better by {interval(metric)}" if metric.get("delta") is not None else ""
        rows.append((prose(metric["label"]), sides + better))
    rows.append(
        ("looks spent", spent_so_far(budget) if budget and complete(budget) else NOT_STATED)
    )
    if isinstance(asked, dict):
        rows.append(("asked for by", f"{code(asked.get('by'))}: {prose(asked.get('reason'))}"))
    if not override and not body["merge"]:
        rows.append(("overridden by", NOT_STATED))
    if override:
        rows.append(("overridden by", f"{code(override.by)}: {prose(override.body['reason'])}"))
    rows.append(("approved and merged by", let_in(it.promoted.people)))
    yield facts(rows)
    yield " ".join(prose(reason) for reason in body.get("reasons") or [] if isinstance(reason, str))
    yield figures(it, "differences")


def let_in(people: list[dict[str, Any]] | None) -> str:
    """Who did what with its pull request."""
    if not people:
        return NOT_STATED if people is None else "nobody: it came by no pull request"
    return "; ".join(
        f"{code(it['by'] or 'not known')} {prose(it['what'])} #{it['pull']}" for it in people
    )


def complete(budget: Any) -> bool:
    names = ("look", "max_looks", "merges", "max_merges")
    return isinstance(budget, dict) and all(isinstance(budget.get(name), int) for name in names)


def monitoring(it: Parts) -> Iterator[str]:
    if it.promoted is None:
        yield f"{NOT_MEASURED}: it has not been in production."
        return
    looks = since(it.promoted)
    if not looks:
        yield f"{NOT_MEASURED}: no look at it is recorded yet."
        return
    yield bullets(
        [f"{look.time[:10]}: {prose(look.body['summary'])}" for look in reversed(looks)], MOST_LOOKS
    )


def since(it: Promoted) -> list[Event]:
    """What the monitor has said while this version was the champion."""
    champion, found = "", []
    for event in it.events:
        if event.kind in ("promotion", "rollback"):
            champion = event.body["version"]
        if event.kind == "monitor" and champion == it.version:
            found.append(event)
    return found
