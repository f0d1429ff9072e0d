"""The model as a file, and what it says about rows."""

import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from champion.errors import Refusal
from champion.project import blame, package_name, user_module
from champion.settings import Settings


def save_model(model: Any, path: Path) -> None:
    """Write an estimator as skops, with the same bytes for the same estimator.

    Raises
    ------
    Refusal : the model holds a type that `TRUSTED` does not name, so that it could not be loaded.
    """
    import skops.io

    try:
        content = canonical(skops.io.dumps(model))
    except Exception as error:
        raise Refusal(
            f"the model cannot be saved: {error}. Build it in model.py from classes and functions "
            "that have a name; lambdas and local functions have none."
        ) from error
    check_trusted(content)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def load_model(path: Path) -> Any:
    """Load an estimator; nothing but the types that skops and `TRUSTED` allow is made."""
    import skops.io

    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refusal(f"{path} cannot be read: run `make repro`, or `dvc pull` it.") from error
    trusted = check_trusted(content)
    try:
        return skops.io.loads(content, trusted=trusted)
    except Exception as error:  # a damaged part, or a class that model.py has no more
        raise Refusal(
            f"{path} does not load ({blame(error)}): run `make repro`; if that changes nothing, "
            f"delete {path} first."
        ) from error


def check_trusted(content: bytes) -> list[str]:
    """Return `TRUSTED` of the user's model.py after checking that the file needs no more."""
    import skops.io

    trusted: list[str] = getattr(user_module("model"), "TRUSTED", [])
    try:
        unknown = [t for t in skops.io.get_untrusted_types(data=content) if t not in trusted]
    except Exception as error:
        raise Refusal(f"the model's file is damaged ({error}): run `make repro`.") from error
    if unknown:
        lines = "\n".join(f'    "{name}",' for name in unknown)
        raise Refusal(
            f"the model holds types that src/{package_name()}/model.py does not trust. "
            f"If you know them, add to TRUSTED:\n{lines}"
        )
    return trusted


def canonical(content: bytes) -> bytes:
    """Rewrite a skops file without memory addresses and times, and compress it.

    skops names members and marks shared objects by their address. Here both are numbered in the
    order of the tree. Scalars are never marked as shared: whether two equal ones are one object
    is the interpreter's whim.
    """
    source = zipfile.ZipFile(io.BytesIO(content))
    tree = json.loads(source.read("schema.json"))
    members: dict[str, str] = {}
    numbers: dict[int, int] = {}
    count = 0

    def rename(node: Any) -> Any:
        nonlocal count
        if isinstance(node, list):
            return [rename(child) for child in node]
        if not isinstance(node, dict):
            return node
        if node.get("__loader__") == "SetNode":
            node["content"].sort(key=lambda child: json.dumps(child.get("content")))
        renamed: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__":
                scalar = node["__loader__"] == "JsonNode"
                if scalar or value not in numbers:
                    count += 1
                renamed[key] = count if scalar else numbers.setdefault(value, count)
            elif key == "file" and isinstance(value, str):
                name = members.setdefault(value, f"{len(members)}{Path(value).suffix}")
                renamed[key] = name
            else:
                renamed[key] = rename(value)
        return renamed

    tree = rename(tree)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        parts = [(new, source.read(old)) for old, new in members.items()]
        for name, part in [("schema.json", json.dumps(tree).encode()), *parts]:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, part)
    return packed.getvalue()


def scores(model: Any, X: pd.DataFrame, task: str) -> NDArray[np.float64]:
    """What the model says.

    Returns
    -------
    binary: (n,) probability of the positive class; multiclass: (n, classes) probabilities in the
    order of `model.classes_`; regression: (n,) predictions.

    Raises
    ------
    Refusal : it cannot predict, or what it says is no finite number.
    """
    try:
        if task == "regression":
            said = np.asarray(model.predict(X), float).ravel()
        else:
            said = np.asarray(model.predict_proba(X), float)
            said = said[:, 1] if task == "binary" else said
    except Refusal:
        raise
    except Exception as error:
        raise Refusal(f"the model cannot predict: {failure(error, X)}.") from error
    if not np.isfinite(said).all():
        raise Refusal("the model predicts values that are no finite numbers: look at model.py.")
    return said


def failure(error: Exception, X: pd.DataFrame) -> str:
    """What went wrong in the user's code; its text only if it quotes nothing that is not shown."""
    settings = Settings.load()
    hidden = settings.data.personal if settings.report.show_values else list(X)
    for name in [n for n in hidden if n in X and X[n].dtype.kind != "f"]:
        for value in X[name].dropna().unique():
            if re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", str(error)):
                return f"{blame(error, quoted=False)}; its text holds a value that is not shown"
    return blame(error)
