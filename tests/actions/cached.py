"""Stands in for actions/cache, actions/cache/restore and actions/cache/save."""

from pathlib import Path

from . import caches
from .call import Call
from .errors import Failed

PLACE = {"path": "", "key": ""}
SEARCH = {"restore-keys": "", "fail-on-cache-miss": "false", "lookup-only": "false"}


def both(call: Call) -> None:
    """Restore now; save when the job was a success, unless the key was there."""
    restore(call)
    call.afterwards(lambda: keep(call))


def restore(call: Call) -> None:
    asked = call.take({**PLACE, **SEARCH})
    event, repository = call.place.run.event, call.place.repository
    # A pull request reads what its base and the default branch saved; nobody reads what it saved.
    branches = [event.base_ref, repository.default_branch]
    scopes = [event.ref, *(f"refs/heads/{branch}" for branch in branches if branch)]
    keys = [asked["key"], *asked["restore-keys"].split()]
    found = repository.caches.find(scopes, version(call), keys)
    call.step.outputs["cache-primary-key"] = asked["key"]
    if not found:
        if asked["fail-on-cache-miss"] == "true":
            raise Failed(f"Failed to restore cache entry. Input key: {asked['key']}")
        call.say(f"Cache not found for input keys: {', '.join(keys)}")
        return
    if asked["lookup-only"] != "true":
        caches.restore(found, paths(call))
    call.say(f"Cache restored from key: {found.key}")
    call.step.outputs["cache-hit"] = str(found.key == asked["key"]).lower()
    call.step.outputs["cache-matched-key"] = found.key


def save(call: Call) -> None:
    call.take(PLACE)
    keep(call)


def keep(call: Call) -> None:
    key, scope = call.inputs["key"], call.place.run.event.ref
    saved = call.place.repository.caches.save(scope, version(call), key, paths(call))
    call.say(f"Cache saved with key: {key}" if saved else f"Cache not saved: {key}")


def paths(call: Call) -> list[Path]:
    lines = [line.strip() for line in call.inputs["path"].splitlines() if line.strip()]
    home = str(call.place.home)
    return [call.place.workspace / line.replace("~", home, 1) for line in lines]


def version(call: Call) -> str:
    """The paths, as if every job had the same folders."""
    return "\n".join(str(path.relative_to(call.place.folder)) for path in paths(call))
