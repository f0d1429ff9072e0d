"""A model's file: the same bytes for the same model, and nothing loaded that is not trusted."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from champion.errors import Refusal
from conftest import ENGINE

FIT = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from champion.models import load_model, save_model, scores
random = np.random.default_rng(0)
X = pd.DataFrame({"a": random.normal(size=400), "b": random.choice(["x", "y", None], 400),
                  "t": pd.date_range("2024-01-01", periods=400, freq="7h"),
                  "notes": random.choice(["all good", "very late", "never again", None], 400)})
X["notes"] = X["notes"].astype("str")
if "notes" not in Path("src/made/model.py").read_text().partition("build_model")[2]:
    del X["notes"]
X["b"] = X["b"].astype("str")
X.loc[::9, "a"] = np.nan
y = pd.Series(X["a"].fillna(0) + (X["b"] == "x") + random.normal(size=400) > 0.5)
from made.model import build_model
for file in (sys.argv[1], "again"):
    model = build_model({"task": "binary", "seed": 0}).fit(X, y)
    save_model(model, Path(file))
assert Path("again").read_bytes() == Path(sys.argv[1]).read_bytes()
before, after = scores(model, X, "binary"), scores(load_model(Path(sys.argv[1])), X, "binary")
assert (before == after).all()
"""

# `calibrated`, `lightgbm` and `xgboost` are what users bring beside the two models of the template.
HEAD = """
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

class Columns(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.names_ = list(X.columns)
        return self
    def transform(self, X):
        return X.assign(b=(X["b"] == "x") * 1.0, t=X["t"].dt.hour * 1.0).fillna(0.0)
"""
MODELS = {
    "calibrated": "CalibratedClassifierCV(LogisticRegression(), cv=3)",
    "forest": "RandomForestClassifier(20, random_state=0)",
    "lightgbm": "__import__('lightgbm').LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1)",
    "xgboost": "__import__('xgboost').XGBClassifier(n_estimators=20, n_jobs=1)",
}


def module(body: str, trusted: list[str]) -> str:
    return (
        f"{HEAD}\nTRUSTED = {trusted!r}\n"
        f"def build_model(params):\n    return make_pipeline(Columns(), {body})\n"
    )


def package(folder: Path, model: str) -> None:
    """Make `src/made` with this model.py."""
    made = folder / "src" / "made"
    made.mkdir(parents=True)
    (made / "__init__.py").write_text("")
    (made / "model.py").write_text(model)


def fit(folder: Path, file: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FIT, file],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ENGINE), "src"]),
            "OMP_NUM_THREADS": "1",
            **variables,
        },
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("kind", ["boosted", "linear"])
def test_same_model_same_bytes(kind: str, tmp_path: Path) -> None:
    template = (ENGINE / "{{cookiecutter.__package}}" / "model.py").read_text()
    package(tmp_path, template.replace('"kind", "boosted"', f'"kind", "{kind}"'))
    for number in "12":
        done = fit(tmp_path, number, PYTHONHASHSEED=number)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("name", MODELS)
def test_models_that_users_bring(name: str, tmp_path: Path) -> None:
    package(tmp_path, module(MODELS[name], []))
    refused = fit(tmp_path, "1")
    assert "add to TRUSTED" in refused.stderr
    lines = [line.strip(' ",') for line in refused.stderr.splitlines() if line.startswith('    "')]
    assert "made.model.Columns" in lines
    (tmp_path / "src" / "made" / "model.py").write_text(module(MODELS[name], lines))
    done = fit(tmp_path, "1")
    assert done.returncode == 0, done.stderr


def test_the_recipe_for_free_text_works(tmp_path: Path) -> None:
    template = (ENGINE / "{{cookiecutter.__package}}" / "model.py").read_text()
    recipe = "\n".join(re.findall(r"(?m)^    (.*)$", template.split('"""')[1]))
    assert len(recipe.splitlines()) <= 5
    selector = 'CATEGORIES = make_column_selector(dtype_exclude=["number", "datetime"])'
    first = '[("category", codes, CATEGORIES)'
    assert selector in template
    assert first in template
    model = (
        template.replace(
            "\nimport numpy as np\n",
            "\nimport numpy as np\nfrom sklearn.decomposition import TruncatedSVD\n"
            "from sklearn.feature_extraction.text import TfidfVectorizer\n",
        )
        .replace(selector, recipe.replace("(20,", "(2,"))
        .replace(first, f'[("notes", words, "notes"), {first[1:]}')
    )
    package(tmp_path, model)
    refused = fit(tmp_path, "1").stderr
    lines = re.findall(r'(?m)^(    ".*",)$', refused)
    assert '    "made.model.filled",' in lines
    path = tmp_path / "src" / "made" / "model.py"
    path.write_text(model.replace("TRUSTED = [\n", "TRUSTED = [\n" + "\n".join(lines) + "\n"))
    done = fit(tmp_path, "1")
    assert done.returncode == 0, done.stderr


def test_compressed_and_without_times(tmp_path: Path) -> None:
    package(tmp_path, module(MODELS["forest"], ["made.model.Columns", "sklearn.tree._tree.Tree"]))
    assert fit(tmp_path, "1").returncode == 0
    entries = zipfile.ZipFile(tmp_path / "1").infolist()
    assert {entry.date_time[0] for entry in entries} == {1980}
    assert sum(e.compress_size for e in entries) < 0.6 * sum(e.file_size for e in entries)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "no schema"])
def test_a_damaged_file_is_refused_in_a_sentence(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from champion.models import load_model

    package(tmp_path, "TRUSTED = []\n")
    monkeypatch.chdir(tmp_path)
    for name in [n for n in sys.modules if n.split(".")[0] == "made"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("other.json" if damage == "no schema" else "schema.json", "{}" * 999)
    content = {"truncated": path.read_bytes()[:900], "empty": b"", "text": b"not a zip"}
    path.write_bytes(content.get(damage, path.read_bytes()))
    with pytest.raises(Refusal, match="damaged"):
        load_model(path)


def test_a_lambda_is_refused_in_a_sentence(tmp_path: Path) -> None:
    body = (
        "__import__('sklearn').preprocessing.FunctionTransformer(lambda X: X), LogisticRegression()"
    )
    package(tmp_path, module(body, ["made.model.Columns"]))
    done = fit(tmp_path, "1")
    assert "lambdas and local functions have none" in done.stderr or "TRUSTED" in done.stderr
    assert not (tmp_path / "1").exists()
