"""What a challenger changed, as the report tells it."""

import re
from typing import Any

from champion.judge.champion import read_yaml
from champion.judge.paths import RESULTS, matching, owned
from champion.workspace.git import show

WRITTEN = ("outs", "metrics", "plots")
MOST = 1000  # of a list: an event of the ledger has room for that


def params(before: str, after: str) -> list[dict[str, Any]]:
    """The keys of params.yaml that differ."""
    old, new = flat(read_yaml(before)), flat(read_yaml(after))
    return [
        {"key": key, "champion": old.get(key), "challenger": new.get(key)}
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """{"model": {"kind": 1}} as {"model.kind": 1}"""
    if not isinstance(content, dict):
        return {prefix.removesuffix("."): content}
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.")
    return found


def lock(before: str, after: str) -> list[dict[str, Any]]:
    """The packages whose version differs."""
    old, new = versions(before), versions(after)
    return [
        {"package": name, "champion": old.get(name), "challenger": new.get(name)}
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def versions(text: str) -> dict[str, str]:
    """The version of each package of a lock."""
    return dict(re.findall(r"(?m)^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text))


def pipeline(text: str) -> str:
    """The graph of a dvc.yaml as mermaid; a stage of another form than the template's is left out."""
    content = read_yaml(text)
    found = content.get("stages") if isinstance(content, dict) else None
    stages = found if isinstance(found, dict) else {}
    made = {out: str(stage) for stage, it in stages.items() for out in files(it, *WRITTEN)}
    edges = {
        (made[dep], str(stage))
        for stage, it in stages.items()
        for dep in files(it, "deps")
        if dep in made
    }
    return "\n".join(["flowchart LR", *(f"  {a} --> {b}" for a, b in sorted(edges))])


def files(stage: Any, *keys: str) -> list[str]:
    """What a stage reads or writes: a name, or a name with options."""
    lists = [stage.get(key) for key in keys] if isinstance(stage, dict) else []
    listed = [file for each in lists if isinstance(each, list) for file in each]
    return [str(next(iter(file), "")) if isinstance(file, dict) else str(file) for file in listed]


def described(base: str, texts: dict[str, str], paths: list[str]) -> dict[str, Any]:
    """The section `changes` of the verdict file, but for the data.

    Parameters
    ----------
    base : the commit that the challenger started from.
    texts : the challenger's params.yaml, requirements.txt and dvc.yaml.
    """
    return {
        "paths": sorted(set(paths) - set(matching(paths, RESULTS)))[:MOST],
        "owner_paths": sorted(owned(paths)),
        "params": params(show(base, "params.yaml"), texts["params.yaml"])[:MOST],
        "lock": lock(show(base, "requirements.txt"), texts["requirements.txt"])[:MOST],
        "pipeline": pipeline(texts["dvc.yaml"]) if "dvc.yaml" in paths else None,
    }
