"""Whole projects: generated, set up and run, with the commands that a user types."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

import fork_server
from champion import warm
from conftest import Bake, BakedProject, Done
from small_project import server
from whole_projects import change, commit, copied, made_once, until
from whole_tables import TABLES, Table, subscribers, visits

PYTHON = sys.executable
MADE = {"dvc.lock", "reports/cv.json", "reports/data.json", "reports/explanation.json",
        "reports/folds.json", "reports/holdout.json"}  # fmt: skip
STAGES = ("validate", "split", "train", "evaluate", "explain", "card")


def dvc(project: BakedProject, *arguments: str, check: bool = True, **variables: str) -> Done:
    return project.run(str(fork_server.python()), "-m", "dvc", *arguments, check=check, **variables)


def read(project: BakedProject, name: str) -> Any:
    return json.loads((project.path / "reports" / f"{name}.json").read_text(encoding="utf-8"))


def lock(project: BakedProject) -> str:
    return (project.path / "dvc.lock").read_text(encoding="utf-8")


def hashes(text: str) -> dict[str, str]:
    """What dvc.lock says of each file."""
    found = YAML(typ="safe").load(text)["stages"]
    parts = (out for stage in found.values() for out in (*stage["deps"], *stage.get("outs", [])))
    return {out["path"]: out["md5"] for out in parts}


@pytest.fixture(scope="module")
def sample(baked: Bake, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """The sample, set up and trained; read it or copy it."""

    def make(path: Path) -> BakedProject:
        project = copied(baked(), path)
        project.champion("setup")
        project.said = project.champion("repro").stdout
        return project

    return made_once("flights", tmp_path_factory, make)


@pytest.fixture(scope="module")
def small(baked: Bake, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A small table with groups and ids, set up, trained and committed; read it or copy it."""

    def make(path: Path) -> BakedProject:
        file = str(visits(path.parent))
        generated = baked(project_name="Visits", data_file=file, target="back within 30 days")
        project = copied(generated, path)
        change(project, "gate.yaml", data={"id": "visit", "group": "patient", "slices": ["ward"]})
        change(project, "params.yaml", model={"boosted": {"max_iter": 20}})
        project.champion("setup")
        project.champion("repro")
        commit(project, "Train")
        return project

    return made_once("visits", tmp_path_factory, make)


# the sample


def test_the_first_champion_is_plausible(sample: BakedProject) -> None:
    cv, holdout, data = (read(sample, name) for name in ("cv", "holdout", "data"))
    assert 0.57 < cv["roc_auc"] < 0.68
    assert 0.62 < holdout["metrics"]["roc_auc"]["value"] < 0.68
    assert 0.005 < holdout["metrics"]["roc_auc"]["se"] < 0.012
    assert (cv["rows"], holdout["rows"], data["rows"]) == (20679, 5719, 27004)
    assert {(part["column"], part["value"]) for part in holdout["slices"]} >= {
        ("origin", "EWR"), ("origin", "JFK"), ("origin", "LGA"), ("carrier", "UA"),
    }  # fmt: skip
    assert "5,719 rows can show differences of about 0.0091 ROC AUC" in sample.said
    explained = read(sample, "explanation")
    assert (explained["method"], explained["rows"]) == ("trees", 2000)
    assert explained["additivity"] < 1e-9
    assert explained["features"][0]["feature"] == "carrier"


def test_set_up_adds_one_commit_and_the_pipeline_writes_only_its_own(sample: BakedProject) -> None:
    assert sample.git("log", "--format=%s").splitlines() == [
        "Describe the data",
        "Generate the project",
    ]
    changed = sample.git("status", "--porcelain", "--untracked-files=all").splitlines()
    assert {line[3:] for line in changed} == MADE
    predictions = pd.read_parquet(sample.path / "predictions.parquet")
    assert list(predictions) == ["row_id", "score"]
    holdout = pd.read_parquet(sample.path / "data/holdout.parquet")
    train = pd.read_parquet(sample.path / "data/train.parquet")
    assert list(predictions["row_id"]) == sorted(holdout["row_id"])
    assert not set(holdout["row_id"]) & set(train["row_id"])
    assert train["departure"].max() <= holdout["departure"].max() - pd.Timedelta("7 days")


def test_a_second_run_does_nothing(sample: BakedProject) -> None:
    before = lock(sample)
    said = sample.champion("repro")
    assert "Running" not in said.stdout
    assert "up to date" in said.stdout
    assert lock(sample) == before


def test_what_people_state_is_in_the_card_and_trains_nothing_again(
    sample: BakedProject, tmp_path: Path
) -> None:
    project = copied(sample, tmp_path / "flights")
    card = (project.path / "reports/model_card.md").read_text(encoding="utf-8")
    measured = read(project, "holdout")["metrics"]["roc_auc"]["value"]
    assert f"value: {measured}" in card
    assert "| licence | `CC0-1.0` |" in card
    path = project.path / "card.yaml"
    stated = YAML(typ="safe").load(path)
    YAML(typ="safe").dump({**stated, "limits": "It is only an example."}, path)
    said = project.champion("repro").stdout
    assert re.findall(r"Running stage '(\w+)'", said) == ["card"]
    again = (project.path / "reports/model_card.md").read_text(encoding="utf-8")
    assert again.endswith("\nIt is only an example.\n")
    page = (project.path / "reports/model_card.html").read_text(encoding="utf-8")
    assert "It is only an example." in page
    assert page.count("data:image/png;base64,") == 3


def test_dvc_shows_metrics_and_plots(sample: BakedProject, tmp_path: Path) -> None:
    project = copied(sample, tmp_path / "flights")
    commit(project, "Train")
    shown = json.loads(dvc(project, "metrics", "show", "--json").stdout)
    assert list(shown[""]["data"]) == ["reports/cv.json"]  # the holdout is for the judge
    plots = dvc(project, "plots", "show", "--out", "plots")
    assert "WARNING" not in plots.stdout + plots.stderr
    page = (project.path / "plots/index.html").read_text(encoding="utf-8")
    for name in (
        "roc.csv",
        "precision_recall.csv",
        "calibration.csv",
        "ranking.png",
        "contributions.png",
    ):
        assert name in page


def test_the_linear_model_is_one_parameter_away(sample: BakedProject, tmp_path: Path) -> None:
    project = copied(sample, tmp_path / "flights")
    change(project, "params.yaml", model={"kind": "linear"})
    project.champion("train")
    score = read(project, "cv")["roc_auc"]
    assert 0.55 < score < 0.68
    assert score != read(sample, "cv")["roc_auc"]


def test_an_experiment_changes_the_score(sample: BakedProject, tmp_path: Path) -> None:
    project = copied(sample, tmp_path / "flights")
    commit(project, "Train")
    before = read(project, "cv")
    dvc(project, "exp", "run", "-S", "model.boosted.max_iter=20")
    after = read(project, "cv")
    assert after["roc_auc"] != before["roc_auc"]
    assert 0.57 < after["roc_auc"] < 0.68
    (diff,) = json.loads(dvc(project, "metrics", "diff", "--json").stdout).values()
    assert (diff["roc_auc"]["old"], diff["roc_auc"]["new"]) == (before["roc_auc"], after["roc_auc"])
    rows = dvc(project, "exp", "show", "--csv").stdout.splitlines()
    assert any(str(after["roc_auc"]) in row for row in rows)
    assert any(str(before["roc_auc"]) in row for row in rows)


def test_clones_and_cold_starts_give_the_same_bytes(sample: BakedProject, tmp_path: Path) -> None:
    """A clone that starts every stage cold, and a warm one elsewhere with another hash seed."""
    project = copied(sample, tmp_path / "flights")
    commit(project, "Train")
    origin = server(tmp_path / "server.git")
    project.git("remote", "add", "origin", str(origin))
    project.champion("publish")
    subprocess.run(["git", "clone", "--quiet", str(origin), str(tmp_path / "x y")], check=True)
    clone = BakedProject(tmp_path / "x y", {}, "")
    clone.champion("setup")
    assert hashes(lock(clone)) == hashes(lock(sample))
    dvc(clone, "repro", "--force", PYTHONHASHSEED="1")
    assert lock(clone) == lock(sample)
    other = copied(sample, tmp_path / "elsewhere")
    other.champion("repro", "--force", PYTHONHASHSEED="2")
    assert lock(other) == lock(sample)


# other tables


def checked(project: BakedProject) -> None:
    cache = project.path.parents[1].parent / "mypy"  # the second project's is quicker
    said = project.champion("check", check=False, MYPY_CACHE_DIR=str(cache))
    assert said.returncode == 0, said.stdout + said.stderr


def passed(project: BakedProject) -> None:
    said = project.champion("test", "-q", "-p", "no:cacheprovider", check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def explored(project: BakedProject) -> None:
    path = project.path / "notebooks/explore.ipynb"
    before = path.read_bytes()
    assert "4 cells ran" in project.champion("notebook", "--execute").stdout
    assert path.read_bytes() == before
    cells = [cell for cell in json.loads(before)["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[], [], [], []]


ALSO: dict[str, tuple[Callable[[BakedProject], None], ...]] = {
    "penguins": (passed,),
    "subscribers": (checked, passed),
    "deliveries": (checked, passed),
    "diabetes": (explored,),
    "breast cancer": (explored,),
    "machine": (explored,),
}


# The slowest first.
@pytest.mark.parametrize("name", sorted(TABLES, key=lambda name: -len(ALSO.get(str(name), ()))))
def test_a_table_gives_a_green_project_without_an_edit(
    name: str, bake: Bake, tmp_path: Path
) -> None:
    table: Table = TABLES[name]
    file = table.write(tmp_path)
    project = bake(project_name=f"About {name}", data_file=str(file), target=table.target)
    if table.roles:
        change(project, "gate.yaml", data=table.roles)
    project.champion("setup")
    project.champion("repro")
    assert project.git("log", "--format=%s").splitlines()[0] == "Describe the data"
    assert YAML(typ="safe").load(project.path / "gate.yaml")["data"]["task"] == table.task
    metric, low, high = table.score
    assert low <= read(project, "cv")[metric] <= high
    measured = read(project, "holdout")
    assert measured["task"] == table.task
    assert measured["metrics"][metric]["se"] >= 0
    explained = read(project, "explanation")
    assert {row["feature"] for row in explained["features"]} == table.features
    card = (project.path / "reports/model_card.md").read_text(encoding="utf-8")
    assert f"name: About {name}" in card
    assert "**Purpose.** *not stated*" in card
    for look in ALSO.get(name, ()):
        look(project)


def test_rows_of_a_group_share_a_side_and_a_fold(
    small: BakedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from champion.settings import Settings
    from champion.stages.train import folds

    train, holdout = (
        pd.read_parquet(small.path / f"data/{side}.parquet") for side in ("train", "holdout")
    )
    assert not set(train["patient"]) & set(holdout["patient"])
    assert len(train) + len(holdout) == 1600
    assert train["patient"].duplicated().any()
    parts = folds(train, Settings.load(small.path))
    assert len(parts) == 5
    assert np.sum([tested for _, tested in parts], axis=0).tolist() == [1] * len(train)
    for learned, tested in parts:
        assert not set(train["patient"][learned]) & set(train["patient"][tested])
    assert {row["column"] for row in read(small, "holdout")["slices"]} == {"ward"}


def test_two_tables_are_joined_in_data_py(bake: Bake, tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    customers = pd.DataFrame(
        {"customer_id": [f"C{i}" for i in range(200)], "income": random.gamma(5, 500, 200).round()}
    )
    buyer = random.integers(0, 200, 800)
    amount = (0.02 * customers["income"].to_numpy()[buyer] + random.normal(0, 5, 800)).round(2)
    orders = pd.DataFrame(
        {
            "order": [f"O{i}" for i in range(800)],
            "customer_id": customers["customer_id"].to_numpy()[buyer],
            "items": random.integers(1, 5, 800),
            "amount": amount,
        }
    )
    orders.to_csv(tmp_path / "orders.csv", index=False)
    project = bake(project_name="Orders", data_file=str(tmp_path / "orders.csv"), target="amount")
    customers.to_csv(project.path / "data/raw/customers.csv", index=False)
    source = project.package / "data.py"
    recipe = source.read_text(encoding="utf-8").split("::\n")[1].split("\nHere is also")[0]
    head = '"""Orders and who made them."""\n\nfrom pathlib import Path\n\nimport pandas as pd\n\n'
    source.write_text(head + dedent(recipe).strip() + "\n", encoding="utf-8")
    project.champion("setup")
    project.champion("repro")
    strongest = read(project, "explanation")["features"][0]
    assert strongest["feature"] == "income"
    assert read(project, "holdout")["metrics"]["r2"]["value"] > 0.8


# killed and damaged

KILLER = """
import os, signal, sys

def watch(event, arguments):
    if event not in ("open", "os.rename") or not isinstance(arguments[0], (str, bytes)):
        return
    path = os.fsdecode(arguments[0] if event == "open" else arguments[1])
    writes = event == "os.rename" or "w" in str(arguments[1])
    if writes and path.endswith(os.environ["KILL_AT"]) and ".dvc" not in path:
        os.kill(os.getpid(), signal.SIGKILL)

if "KILL_AT" in os.environ:
    sys.addaudithook(watch)
"""


@pytest.mark.parametrize("moment", ["data/holdout.parquet", "reports/cv.json"])
def test_a_stage_killed_while_writing_leaves_nothing_that_is_trusted(
    small: BakedProject, tmp_path: Path, moment: str
) -> None:
    project = copied(small, tmp_path / "visits")
    forget_results(project)
    (tmp_path / "killer").mkdir()
    (tmp_path / "killer/sitecustomize.py").write_text(KILLER)
    path = os.pathsep.join(["src", str(tmp_path / "killer")])
    killed = project.champion("repro", check=False, PYTHONPATH=path, KILL_AT=moment)
    assert killed.returncode != 0
    assert "killed" in killed.stdout + killed.stderr
    project.champion("repro")
    assert lock(project) == lock(small)


def forget_results(project: BakedProject) -> None:
    """Let every stage run again, and nothing come out of DVC's cache."""
    (project.path / "dvc.lock").unlink()
    shutil.rmtree(project.path / ".dvc/cache/runs")
    for name in ("model.skops", "predictions.parquet", "data/train.parquet", "data/valid.parquet"):
        (project.path / name).unlink()


def running(project: BakedProject, *command: str, **variables: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(PYTHON).parent), os.environ["PATH"]]),
        "PYTHONPATH": "src",
        "CHAMPION_VENV": sys.prefix,
        "PYTHONUNBUFFERED": "1",
        **variables,
    }
    return subprocess.Popen(
        command,
        cwd=project.path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )


def await_line(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"never said {words}")


@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_a_run_killed_as_a_whole_is_made_good(small: BakedProject, tmp_path: Path) -> None:
    """DVC dies too and leaves its locks behind."""
    project = copied(small, tmp_path / "visits")
    forget_results(project)
    process = running(project, PYTHON, "-m", "champion", "repro")
    await_line(process, "fitting on")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    project.champion("repro")
    assert lock(project) == lock(small)


ENDLESS = """

class Endless(HistGradientBoostingClassifier):
    def fit(self, X, y):
        print("fitting for ever", flush=True)
        __import__("time").sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="stages start warm on Linux only")
def test_the_work_ends_when_the_stage_is_killed(
    small: BakedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copied(small, tmp_path / "visits")
    before = (project.path / "model.skops").read_bytes()
    source = project.package / "model.py"
    text = source.read_text(encoding="utf-8")
    text = text.replace("HistGradientBoostingClassifier\n", "Endless\n").replace(
        "else HistGradientBoostingClassifier", "else Endless"
    )
    source.write_text(text + ENDLESS, encoding="utf-8")
    monkeypatch.chdir(project.path)
    with warm.stages(Path(PYTHON), {**os.environ, "PYTHONPATH": "src"}):
        until(Path(os.environ[warm.SOCKET]).exists)
        (served,) = children(os.getpid(), "champion.warm")
        client = running(project, PYTHON, "-m", "champion", "train")
        await_line(client, "fitting for ever")
        (forked,) = children(served)
        client.kill()
        client.wait()
        until(lambda: not Path(f"/proc/{forked}").exists())
        assert Path(f"/proc/{served}").exists()
    assert not Path(f"/proc/{served}").exists()
    assert (project.path / "model.skops").read_bytes() == before


def children(process: int, word: str = "") -> list[int]:
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        for child in path.read_text().split():
            if word in Path(f"/proc/{child}/cmdline").read_text():
                found.append(int(child))
    return found


@pytest.mark.parametrize("name", ["model.skops", "data/train.parquet"])
def test_a_file_damaged_on_disk_is_healed(small: BakedProject, tmp_path: Path, name: str) -> None:
    project = copied(small, tmp_path / "visits")
    path = project.path / name
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[: len(content) // 2] + b"\0" * 99)
    project.champion("repro")
    assert path.read_bytes() == content
    assert lock(project) == lock(small)


def test_edited_code_is_run_again_though_the_model_is_the_same(
    small: BakedProject, tmp_path: Path
) -> None:
    """A function that the model only names: its file is the same, what it says is not."""
    project = copied(small, tmp_path / "visits")
    source = project.package / "model.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    said = project.champion("repro").stdout
    for stage in ("train", "evaluate", "explain"):
        assert f"Running stage '{stage}'" in said
    assert "Running stage 'split'" not in said
    assert hashes(lock(project))["model.skops"] == hashes(lock(small))["model.skops"]


def test_data_that_git_has_left_behind_are_not_tracked_again(
    small: BakedProject, tmp_path: Path
) -> None:
    """After `git pull` without `dvc pull`, DVC would take the old data for an edit."""
    project = copied(small, tmp_path / "visits")
    more = pd.read_parquet(visits(tmp_path)).tail(100)
    more.assign(visit=[f"W{i}" for i in range(100)]).to_parquet(tmp_path / "more.parquet")
    project.champion("data", str(tmp_path / "more.parquet"))
    commit(project, "More visits")
    (project.path / "data/raw/more.parquet").unlink()
    said = project.champion("repro", check=False)
    assert said.returncode == 2
    assert "data/raw still holds an earlier version of the data" in said.stderr
    assert project.git("status", "--porcelain") == ""
    dvc(project, "checkout", "data/raw.dvc")
    assert "1,700 rows" in project.champion("repro", "validate").stdout


# what is personal


def test_a_personal_value_is_written_nowhere_but_in_the_data(bake: Bake, tmp_path: Path) -> None:
    """Also where its column is a slice, and where findings of it are shown."""
    mark = "Zaphod.Beeblebrox"
    file = visits(tmp_path)
    table = pd.read_parquet(file)
    table["ward"] = table["ward"].replace("north", f"ward {mark}")
    table.loc[::40, "ward"] = None
    mails = [f"{mark}.{i}@example.org" for i in range(len(table))]
    table.assign(mail=mails).to_parquet(file)
    project = bake(project_name="Hidden", data_file=str(file), target="back within 30 days")
    change(
        project,
        "gate.yaml",
        data={"group": "patient", "personal": ["ward"], "slices": ["ward"]},
        report={"show_values": True},
    )
    change(project, "params.yaml", model={"boosted": {"max_iter": 5}})
    said = [project.champion("setup"), project.champion("repro")]
    commit(project, "Train")
    said.append(dvc(project, "plots", "show", "--out", "plots"))
    parts = read(project, "holdout")["slices"]
    assert {part["value"] for part in parts} >= {"value 1", "value 2"}
    bad = table.assign(mail=mails, ward=[f"other {mark} {i}" for i in range(len(table))])
    bad.to_parquet(tmp_path / "bad.parquet")
    said.append(project.champion("data", str(tmp_path / "bad.parquet"), check=False))
    said.append(
        project.champion("data", str(tmp_path / "bad.parquet"), "--mode", "replace", check=False)
    )
    for raw in (project.path / "data/raw").glob("*.parquet"):
        raw.unlink()
    table.assign(mail=mails).drop(columns="back within 30 days").to_parquet(raw)
    said.append(project.champion("test", check=False))
    assert "check='gone'" in said[-1].stdout
    assert not any(mark in done.stdout + done.stderr for done in said)
    data = ("data/raw", ".dvc/", "data/valid", "data/train", "data/holdout")
    for path in project.path.rglob("*"):
        name = path.relative_to(project.path).as_posix()
        if path.is_file() and not name.startswith((*data, ".git/")):
            assert mark.encode() not in path.read_bytes(), name
    for name in ("predictions.parquet", "reports/contributions.parquet"):
        assert mark not in pd.read_parquet(project.path / name).to_csv()
    assert mark not in project.git("log", "--patch", "--all", "--text")


def test_an_address_in_a_spreadsheet_is_found_to_be_personal(bake: Bake, tmp_path: Path) -> None:
    mark = "trillian.astra@heart-of-gold.example"
    file = subscribers(tmp_path, mark=mark)
    project = bake(project_name="Hidden", data_file=str(file), target="Gekündigt")
    said = project.champion("setup")
    assert "Personal     E-Mail: values are never shown" in said.stdout
    assert YAML(typ="safe").load(project.path / "gate.yaml")["data"]["personal"] == ["E-Mail"]
    assert mark not in project.git("log", "--patch", "--all", "--text")
