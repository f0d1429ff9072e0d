"""The metadata that the Hugging Face Hub reads at the head of a card: YAML between two lines."""

import io
import re
from typing import Any

from champion.card.parts import Parts
from champion.judge import claims
from champion.markdown import clean

LICENCES = {"mit": "mit", "bsd-3-clause": "bsd-3-clause", "apache-2.0": "apache-2.0",
            "cc0-1.0": "cc0-1.0", "cc-by-4.0": "cc-by-4.0", "gpl-3.0": "gpl-3.0"}  # fmt: skip
TYPES = {"roc_auc": "roc_auc", "brier": "brier_score"}  # the Hub's names, where they are others


def header(it: Parts) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.allow_unicode, yaml.width = False, True, 4096
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    yaml.dump(metadata(it), out)
    return f"---\n{out.getvalue()}---"


def metadata(it: Parts) -> dict[str, Any]:
    """As in the Hub's model card specification; a metric that was not measured is left out."""
    task = (
        "tabular-regression" if it.settings.data.task == "regression" else "tabular-classification"
    )
    name = clean(it.stated.name or "not named")
    results = [
        {"type": TYPES.get(key, clean(key)), "value": value}
        for key, (value, _) in claims.measured(it.reports["holdout"]).items()
    ]
    found: dict[str, Any] = {
        **licence(it.stated.licence),
        "library_name": "sklearn",
        "pipeline_tag": task,
        "tags": ["sklearn", "skops", task, "cookiecutter-champion"],
        "model_format": "skops",
        "model_file": "model.skops",
    }
    if results:
        found["metrics"] = [each["type"] for each in results]
        dataset = {"type": slug(name), "name": f"{name}, holdout", "split": "holdout"}
        found["model-index"] = [{
            "name": name,
            "results": [{
                "task": {"type": task},
                "dataset": {**dataset, **({"revision": clean(it.data)} if it.data else {})},
                "metrics": results,
            }],
        }]  # fmt: skip
    return found


def licence(stated: str | None) -> dict[str, str]:
    """One of the Hub's names, else `other` with its own."""
    if stated is None:
        return {"license": "unknown"}
    known = LICENCES.get(stated.lower())
    return {"license": known} if known else {"license": "other", "license_name": slug(stated)}


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", clean(text).lower()).strip("-") or "unnamed"
