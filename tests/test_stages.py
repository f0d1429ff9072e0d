"""Bad input for each stage: one sentence, its exit code, nothing overwritten."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from champion.tables import describe
from conftest import ENGINE
from tables_desk import Desk, Said

ROWS = 400
STAGES = ("validate", "split", "train", "evaluate", "explain", "card")
MODEL = (ENGINE / "{{cookiecutter.__package}}" / "model.py").read_text(encoding="utf-8")


class Bench(Desk):
    """A project with a model, whose stages run in this process."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.source("model.py").write_text(MODEL, encoding="utf-8")
        self.set("params.yaml", model={"kind": "boosted", "boosted": {"max_iter": 5}})
        self.set("params.yaml", cv={"folds": 2}, explain={"rows": 50})

    def set(self, file: str, **sections: Any) -> None:
        """Change keys of gate.yaml or params.yaml."""
        yaml = YAML()
        path = self.path / file
        content = yaml.load(path)
        for name, keys in sections.items():
            if isinstance(keys, dict):
                content.setdefault(name, {}).update(keys)
            else:
                content[name] = keys
        yaml.dump(content, path)

    def edit_model(self, old: str, new: str) -> None:
        assert old in MODEL
        self.source("model.py").write_text(MODEL.replace(old, new), encoding="utf-8")

    def estimator(self, expression: str, trusted: tuple[str, ...] = ()) -> None:
        """Let build_model return this estimator behind the template's preparation."""
        lines = "".join(f'\n    "{name}",' for name in trusted)
        new = MODEL.replace("TRUSTED = [", f"TRUSTED = [{lines}")
        new = new.replace(
            '    kind = params.get("kind", "boosted")\n',
            f"    return make_pipeline(as_numbers(), {expression})\n"
            '    kind = params.get("kind", "boosted")\n',
        )
        self.source("model.py").write_text(new, encoding="utf-8")

    def through(self, last: str) -> None:
        """Run the stages up to and with this one."""
        for stage in STAGES[: STAGES.index(last) + 1]:
            said = self.run(stage)
            assert said.code == 0, said.all

    def files(self) -> dict[str, str]:
        """Every file that stages write, by its hash."""
        made = [
            *self.path.glob("data/*.parquet"),
            *self.path.glob("*.*"),
            *self.path.rglob("reports/*"),
            *self.path.rglob("reports/*/*"),
        ]
        return {str(p): sha256(p.read_bytes()).hexdigest() for p in made if p.is_file()}

    def refuses(self, stage: str, code: int, words: str) -> Said:
        """The stage says one thing, on one line unless it lists lines to add; writes nothing."""
        before = self.files()
        said = self.run(stage)
        assert (said.code, self.files() == before) == (code, True), said.all
        assert said.err.startswith(f"champion {stage}: ")
        assert re.search(words, said.err), said.err
        assert "Traceback" not in said.all
        assert len([line for line in said.err.splitlines() if line[:4] != "    "]) == 1, said.err
        return said


def table(rows: int = ROWS) -> pd.DataFrame:
    """Numbers, a category, booleans, times with gaps; `won` by two of them."""
    random = np.random.default_rng(3)
    made = pd.DataFrame(
        {
            "size": random.normal(10, 2, rows).round(3),
            "weight": random.normal(5, 1, rows).round(3),
            "colour": random.choice(["red", "green", "blue"], rows),
            "member": random.choice([True, False], rows),
            "day": pd.date_range("2020-01-01", periods=rows, freq="D"),
        }
    )
    made.loc[::11, "size"] = np.nan
    chance = made["size"].fillna(10) - 10 + 2 * (made["colour"] == "red") + random.normal(size=rows)
    return made.assign(won=np.where(chance > 1, "yes", "no"), price=(chance * 10).round(2))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A project that has run every stage; copied, never changed."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("bench")
        patch.chdir(folder)
        patch.setattr(describe, "track", lambda: None)
        bench = Bench(folder)
        bench.put(table().drop(columns="price"), "table.parquet")
        bench.gate("won", slices=["colour"])
        bench.set("params.yaml", model={"kind": "boosted"})
        assert bench.run("describe").code == 0
        bench.set("params.yaml", model={"kind": "boosted"})
        bench.through("card")
    return bench


@pytest.fixture
def bench(done: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    shutil.copytree(done.path, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(describe, "track", lambda: None)
    monkeypatch.setattr(sys, "path", [*sys.path])
    copy = Bench.__new__(Bench)
    copy.path, copy.package = tmp_path, done.package
    yield copy
    copy.forget()


def regression(bench: Bench, change: Callable[[pd.DataFrame], None]) -> None:
    """Predict the price, on data that were changed after they were validated."""
    bench.put(table().drop(columns="won"), "table.parquet")
    bench.gate("price", time="day")
    assert bench.run("describe", "--again").code == 0
    bench.through("split")
    path = bench.path / "data/train.parquet"
    made = pd.read_parquet(path)
    change(made)
    made.to_parquet(path)


def test_every_stage_runs(bench: Bench) -> None:
    assert {p.name for p in bench.path.glob("reports/*")} >= {
        "data.json", "cv.json", "holdout.json", "explanation.json", "figures", "explanation",
        "model_card.md", "model_card.html",
    }  # fmt: skip


def test_run_again_each_stage_writes_the_same_bytes(bench: Bench) -> None:
    before = bench.files()
    bench.through("card")
    assert bench.files() == before


# settings


@pytest.mark.parametrize("stage", STAGES)
def test_a_typo_in_gate_yaml_is_named_with_the_nearest_key(bench: Bench, stage: str) -> None:
    bench.set("gate.yaml", data={"slicse": ["colour"]})
    bench.refuses(stage, 2, r"gate.yaml: data has an unknown key 'slicse': did you mean slices\?")


@pytest.mark.parametrize(
    ("file", "sections", "words"),
    [
        ("gate.yaml", {"splitt": {}}, "unknown key 'splitt': did you mean split"),
        ("gate.yaml", {"split": {"holdout": "much"}}, "split: holdout must be float, not 'much'"),
        ("gate.yaml", {"data": {"task": "guess"}}, "data.task must be binary, "),
        ("params.yaml", {"cv": {"fold": 3}}, "cv has an unknown key 'fold': did you mean folds"),
        ("params.yaml", {"seed": "x"}, "seed must be int, not 'x'"),
    ],
)
def test_settings_that_are_wrong_are_named(
    bench: Bench, file: str, sections: dict[str, Any], words: str
) -> None:
    bench.set(file, **sections)
    bench.refuses("train", 2, words)


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"slices": ["color"]}, "data.slices in gate.yaml is 'color'.*did you mean 'colour'"),
        ({"personal": ["Colour"]}, "data.personal in gate.yaml is 'Colour'.*'colour'"),
        ({"leave_out": ["size", "dya"]}, "data.leave_out in gate.yaml is 'dya'.*'day'"),
        ({"time": "days"}, "data.time in gate.yaml is 'days'.*'day'"),
        ({"time": "colour"}, "'colour', which schema.py does not call a time"),
    ],
)
def test_a_role_that_no_column_can_play_is_refused(
    bench: Bench, roles: dict[str, Any], words: str
) -> None:
    """A misspelt personal column would be shown, a misspelt one to leave out learned from."""
    bench.set("gate.yaml", data=roles)
    said = bench.run("validate")
    assert said.code == 2
    assert re.search(words, said.err), said.err


def test_yaml_that_is_none_is_named_with_its_line(bench: Bench) -> None:
    (bench.path / "params.yaml").write_text("model:\n  kind: [boosted\nseed: 1\n")
    bench.refuses("train", 2, r"params.yaml, line \d is not valid YAML")


# split


def test_a_holdout_too_small_says_how_many_rows_are_needed(bench: Bench) -> None:
    bench.set("gate.yaml", split={"holdout": 0.05})
    bench.refuses("split", 1, r"the holdout has \d+ of 400 rows, and 50 are .* split.holdout")


def test_a_window_too_long_leaves_nothing_to_train_on(bench: Bench) -> None:
    bench.set("gate.yaml", data={"time": "day"}, split={"window": "5000 days"})
    bench.refuses("split", 1, r"the train has 0 of 400 rows.*split.window \(5000 days")


def test_a_window_that_is_no_length_of_time_is_named(bench: Bench) -> None:
    bench.set("gate.yaml", data={"time": "day"}, split={"window": "soon"})
    bench.refuses("split", 2, "split.window 'soon' is no length of time")


def test_one_class_only_is_refused(bench: Bench) -> None:
    bench.put(
        table().drop(columns="price").assign(won=["yes", "no"] * 150 + ["no"] * 100),
        "table.parquet",
    )
    bench.set("gate.yaml", data={"time": "day"}, split={"window": "90 days"})
    assert bench.run("validate").code == 0
    bench.refuses("split", 1, "the holdout holds one class of 'won' only.*split.window")


def test_a_class_too_rare_says_how_many_rows_are_needed(bench: Bench) -> None:
    bench.put(
        table()
        .drop(columns="price")
        .assign(won=["yes"] + ["no"] * 99 + ["no", "yes"] * 3 + ["no"] * 294),
        "table.parquet",
    )
    assert bench.run("validate").code == 0
    bench.refuses("split", 1, r"the rarer class of 'won' has \d rows.*about [\d,]+ rows in all")


def test_a_positive_class_that_no_row_holds_is_named(bench: Bench) -> None:
    bench.set("gate.yaml", data={"positive": "yess"})
    bench.refuses("split", 2, "data.positive is 'yess', which no row of 'won' holds")


def test_a_column_of_the_key_must_stay(bench: Bench) -> None:
    bench.set("gate.yaml", split={"key": ["size", "height"]})
    bench.refuses("split", 2, "column 'height' of gate.yaml's split.key is not in the data")


# train


def test_a_parameter_that_the_estimator_does_not_know_is_named(bench: Bench) -> None:
    bench.set("params.yaml", model={"boosted": {"max_itr": 9}})
    bench.refuses("train", 2, r"'max_itr' \(src/desk\d+/model.py, line \d+\)")


def test_a_value_that_the_estimator_does_not_take_is_named(bench: Bench) -> None:
    bench.set("params.yaml", model={"boosted": {"max_iter": "many"}})
    bench.refuses("train", 2, "cannot be fitted: InvalidParameterError: The 'max_iter' parameter")


def test_a_kind_that_build_model_does_not_know_is_named(bench: Bench) -> None:
    bench.set("params.yaml", model={"kind": "forest"})
    bench.refuses("train", 2, "model.kind is 'forest': build_model knows boosted and linear")


def test_a_constant_target_is_refused(bench: Bench) -> None:
    regression(bench, lambda made: made.__setitem__("price", 5.0))
    bench.refuses("train", 1, "the target 'price' has one value in all [0-9]+ rows of train")


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_target_that_is_not_finite_is_refused(bench: Bench, value: float) -> None:
    regression(bench, lambda made: made.loc.__setitem__((3, "price"), value))
    bench.refuses("train", 2, "the target 'price' holds values that are no finite number")


def test_a_type_that_is_not_trusted_is_told_with_the_line_to_add(bench: Bench) -> None:
    forest = "__import__('sklearn').ensemble.RandomForestClassifier(5, random_state=0)"
    bench.estimator(forest)
    said = bench.refuses("train", 2, f"src/{bench.package}/model.py does not trust")
    (line,) = [line for line in said.err.splitlines() if line.startswith("    ")]
    assert line == '    "sklearn.tree._tree.Tree",'
    bench.estimator(forest, trusted=(line.strip(' ",'),))
    bench.through("explain")


def test_a_model_of_lambdas_is_refused(bench: Bench) -> None:
    bench.estimator("FunctionTransformer(lambda X: X), HistGradientBoostingClassifier()")
    said = bench.refuses("train", 2, "lambdas and local functions have none|does not trust")
    assert "lambda" in said.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind = params", "kind := params", r"model.py cannot be imported: SyntaxError.*line \d+"),
        (
            "import numpy as np",
            "import nunpy as np",
            "ModuleNotFoundError: No module named 'nunpy'",
        ),
        ("def build_model", "def make_model", "has no attribute 'build_model'"),
        ('regression = params["task"]', 'regression = params["job"]', r"KeyError: 'job' \(src/"),
    ],
)
def test_a_model_py_that_does_not_run_is_told_with_its_line(
    bench: Bench, old: str, new: str, words: str
) -> None:
    bench.edit_model(old, new)
    bench.refuses("train", 2, words)


def test_a_model_without_probabilities_is_refused(bench: Bench) -> None:
    bench.estimator("__import__('sklearn').linear_model.RidgeClassifier()")
    bench.source("model.py").write_text(
        bench.source("model.py").read_text().replace("as_numbers(), ", "as_scaled_columns(), ")
    )
    bench.refuses("train", 2, "the model cannot predict: AttributeError.*predict_proba")


NOT_FINITE = """

class Sure(HistGradientBoostingClassifier):
    def predict_proba(self, X):
        said = super().predict_proba(X)
        said[::7] = np.nan
        return said
"""


@pytest.mark.parametrize(("folds", "stage"), [(2, "train"), (0, "evaluate")])
def test_predictions_that_are_not_finite_are_refused(bench: Bench, folds: int, stage: str) -> None:
    bench.set("params.yaml", cv={"folds": folds})
    bench.estimator("Sure(max_iter=3)", trusted=(f"{bench.package}.model.Sure",))
    with bench.source("model.py").open("a") as file:
        file.write(NOT_FINITE)
    if stage == "evaluate":
        bench.through("train")
        shutil.copy(bench.path / "model.skops", bench.path / "kept.skops")
    bench.refuses(stage, 2, "predicts values that are no finite numbers")


@pytest.mark.parametrize("show", [True, False])
def test_what_a_library_says_is_shown_only_if_it_quotes_no_hidden_value(
    bench: Bench, show: bool
) -> None:
    bench.estimator("HistGradientBoostingClassifier()")
    path = bench.source("model.py")
    path.write_text(path.read_text().replace("as_numbers(), ", "'passthrough', "))
    bench.set("gate.yaml", report={"show_values": show})
    said = bench.refuses("train", 2, "the model cannot be fitted: ValueError")
    quoted = re.search("'(red|green|blue)'", said.err)
    assert bool(quoted) == show
    assert ("holds a value that is not shown" in said.err) == (not show)
    bench.set("gate.yaml", report={"show_values": True}, data={"personal": ["colour"]})
    assert not re.search("red|green|blue", bench.run("train").all)


def test_too_many_folds_for_the_rows_are_refused(bench: Bench) -> None:
    path = bench.path / "data/train.parquet"
    made = pd.read_parquet(path)
    made.loc[made["won"].cumsum() > 1, "won"] = False
    made.to_parquet(path)
    bench.refuses("train", 1, "lower cv.folds in params.yaml")


def test_no_folds_means_no_score(bench: Bench) -> None:
    bench.set("params.yaml", cv={"folds": 0})
    said = bench.run("train")
    assert (said.code, "fold" in said.out) == (0, False)
    assert "roc_auc" not in (bench.path / "reports/cv.json").read_text()


# evaluate, explain


def test_a_metric_of_another_task_is_refused(bench: Bench) -> None:
    bench.set("gate.yaml", gate={"metric": "rmse"})
    bench.refuses("evaluate", 2, "'rmse' is no metric for binary: it knows roc_auc, ")


def test_a_metric_of_the_users_is_measured(bench: Bench) -> None:
    bench.source("metrics.py").write_text(
        "def profit(y, score):\n    return float(((y - 0.3) * (score > 0.3)).sum())\n",
        encoding="utf-8",
    )
    name = f"{bench.package}.metrics:profit"
    bench.set("gate.yaml", gate={"metric": name})
    bench.through("train")
    assert next(iter(json.loads((bench.path / "reports/cv.json").read_text()))) == name
    assert bench.run("evaluate").out.startswith("profit ")
    report = json.loads((bench.path / "reports/holdout.json").read_text())
    assert report["resolution"]["metric"] == name
    assert report["metrics"][name]["se"] > 0
    assert report["metrics"]["roc_auc"]["value"] > 0.5


def in_holdout(bench: Bench, **columns: Any) -> dict[str, Any]:
    """Evaluate with these columns in the holdout, as slices that the model may not see."""
    path = bench.path / "data/holdout.parquet"
    made = pd.read_parquet(path)
    made.assign(**{name: make(len(made)) for name, make in columns.items()}).to_parquet(path)
    schema = bench.source("schema.py").read_text()
    for name in columns:
        schema = schema.replace("        {\n", f'        {{\n"{name}": category(missing=None),', 1)
        schema = schema.replace("({\n", f'({{\n"{name}": category(missing=None),', 1)
    bench.source("schema.py").write_text(schema)
    bench.set("gate.yaml", data={"slices": list(columns), "leave_out": list(columns)})
    said = bench.run("evaluate")
    assert said.code == 0, said.all
    return json.loads((bench.path / "reports/holdout.json").read_text())


def test_slices_that_cannot_be_told_are_named_and_the_others_told(bench: Bench) -> None:
    report = in_holdout(
        bench,
        many=lambda rows: [f"v{n}" for n in range(rows)],
        lonely=lambda rows: ["x"] + ["y"] * (rows - 1),
        absent=lambda rows: pd.Series([None] * rows, dtype="str"),
        halves=lambda rows: ["left", "right"] * (rows // 2) + ["left"] * (rows % 2),
    )
    told = {(it["column"], it["value"]) for it in report["slices"]}
    assert told == {
        ("lonely", "y"), ("absent", "(missing)"), ("halves", "left"), ("halves", "right"),
    }  # fmt: skip
    assert ["lonely", "halves"] in [it["columns"] for it in report["intersections"]]
    named = [note.partition(":")[0] for note in report["notes"]]
    assert named[:2] == ["many", "lonely"]
    assert named[-1] == "absent"
    assert {"many and lonely", "lonely and halves"} <= {*named}
    fair = {(it["column"], it["measure"]): it["value"] for it in report["parity"]}
    assert fair["halves", "demographic_parity"] is not None
    assert fair["lonely", "demographic_parity"] is None


def test_a_guard_of_no_slice_is_named(bench: Bench) -> None:
    bench.set("gate.yaml", gate={"guards": ["slices.size"]})
    said = bench.run("validate")
    assert (said.code, "gate.guards in gate.yaml has slices.size, and" in said.err) == (2, True)


@pytest.mark.parametrize("stage", ["evaluate", "explain"])
@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "other"])
def test_a_model_that_cannot_be_loaded_is_told(bench: Bench, stage: str, damage: str) -> None:
    path = bench.path / "model.skops"
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        for place in range(len(content) // 3, len(content) // 3 + 99):
            content[place] ^= 255
        path.write_bytes(content)
    else:
        path.write_bytes((bench.path / "data/train.parquet").read_bytes())
    bench.refuses(stage, 2, "make repro")


def test_a_class_that_model_py_has_no_more_is_told(bench: Bench) -> None:
    bench.edit_model("def calendar(", "def calendars(")
    bench.source("model.py").write_text(
        bench.source("model.py").read_text().replace("(calendar,", "(calendars,")
    )
    bench.refuses("evaluate", 2, "model.skops does not load.*make repro")


def test_native_categories_make_the_assertion_fire(bench: Bench) -> None:
    native = "HistGradientBoostingClassifier(max_iter=20, categorical_features=[0])"
    bench.estimator(native, ("functools.partial", "sklearn.utils.validation.check_array"))
    bench.through("evaluate")
    bench.refuses("explain", 2, "SHAP's values miss the model's output.*native categories")


SLOW = """

class Slow(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.inner_ = HistGradientBoostingClassifier(max_iter=3).fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict_proba(self, X):
        __import__("time").sleep(0.0003 * len(X))
        return self.inner_.predict_proba(X)
"""


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("shap", r"\d rows explained \(permutation\); \d of 150 rows have SHAP"),
        ("lime", r"\d+ rows explained \(lime\); LIME asked of [\d,]+ rows instead of 5,000"),
    ],
)
def test_an_estimator_too_slow_to_explain_gets_a_smaller_answer(
    bench: Bench, method: str, words: str
) -> None:
    limits = {"rows": 150, "seconds": 1, "method": method}
    bench.set("params.yaml", cv={"folds": 0}, explain=limits)
    bench.estimator("Slow()", (f"{bench.package}.model.Slow",))
    path = bench.source("model.py")
    head = "from sklearn.base import BaseEstimator, ClassifierMixin\n"
    path.write_text(path.read_text().replace("import numpy as np\n", f"import numpy as np\n{head}"))
    with path.open("a") as file:
        file.write(SLOW)
    bench.through("evaluate")
    said = bench.run("explain")
    assert re.match(words, said.out), said.all
    assert re.search(r"; \d+ of 150 rows were shuffled: more take too long", said.out)
    assert "more take too long" in (bench.path / "reports/explanation.json").read_text()


def row_of(bench: Bench, side: str = "holdout") -> str:
    return str(pd.read_parquet(bench.path / f"data/{side}.parquet")["row_id"][3])


def test_the_contributions_to_a_row_lead_from_the_mean_to_its_prediction(bench: Bench) -> None:
    bench.set("gate.yaml", report={"show_values": True})
    asked = row_of(bench)
    said = bench.run("explain-row", asked[:12])
    assert said.code == 0, said.all
    lines = said.out.splitlines()
    assert lines[0] == f"row {asked}, of the holdout"
    start, end = (float(it) for it in re.findall(r"[-+]?\d*\.\d+", lines[2])[:2])
    moved = {line.split()[1]: float(line.split()[0]) for line in lines[3:]}
    assert set(moved) == {"size", "weight", "colour", "member", "day"}
    assert start + sum(moved.values()) == pytest.approx(end, abs=0.005)
    predicted = pd.read_parquet(bench.path / "predictions.parquet").set_index("row_id")["score"]
    score = predicted[asked]
    assert lines[1] == f"prediction: {score:.1%} for won = True"
    assert np.log(score / (1 - score)) == pytest.approx(end, abs=0.001)
    sizes = [abs(value) for value in moved.values()]
    assert sizes == sorted(sizes, reverse=True)
    colours = pd.read_parquet(bench.path / "data/holdout.parquet").set_index("row_id")["colour"]
    assert f"colour = {colours[asked]}" in said.out
    again = bench.run("explain-row", row_of(bench, "train"))
    assert "train: the model has learned from it" in again.out


def test_a_row_explained_by_lime_says_how_well_the_linear_model_fits(bench: Bench) -> None:
    bench.set("params.yaml", explain={"method": "lime"})
    said = bench.run("explain-row", row_of(bench))
    assert re.search(r"LIME contributions .*explains \d+% \(R²\)", said.out), said.all


def test_a_row_is_found_by_its_id_and_shows_only_what_may_be_shown(bench: Bench) -> None:
    for side, first in (("holdout", 0.0), ("train", 1000.0)):
        path = bench.path / f"data/{side}.parquet"
        made = pd.read_parquet(path)
        made.assign(ticket=first + np.arange(len(made))).to_parquet(path)
    bench.set("gate.yaml", data={"id": "ticket", "personal": ["colour"]})
    said = bench.run("explain-row", "7")
    assert "size = (not shown)" in said.out, said.all
    bench.set("gate.yaml", report={"show_values": True})
    said = bench.run("explain-row", "1007")
    assert "colour = (not shown)" in said.out, said.all
    assert "size = (not shown)" not in said.out
    for asked, code, words in (
        ("99999", 1, "an id of the column 'ticket'"),
        ("", 1, "no row is (empty)"),
    ):
        said = bench.run("explain-row", asked)
        assert (said.code, words in said.err) == (code, True), said.all


def test_a_holdout_of_one_class_in_the_explained_rows_is_no_obstacle(bench: Bench) -> None:
    path = bench.path / "data/holdout.parquet"
    made = pd.read_parquet(path)
    made[~made["won"]].to_parquet(path, index=False)
    said = bench.run("explain")
    assert said.code == 0, said.all
    assert '"importance": null' in (bench.path / "reports/explanation.json").read_text()
