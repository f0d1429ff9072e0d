"""What a branch cannot do to its verdict: objects, kept answers, paths, metrics, new rows."""

import json
from hashlib import md5
from pathlib import Path

import pytest

from champion.errors import Refusal
from champion.judge import paths as changed
from champion.judge.challenge import harm_of_new_rows, refuse_own_metric
from champion.judge.champion import find as find_champion
from champion.judge.commit import run_commit
from champion.judge.evidence import Invalid
from champion.settings import Gate
from champion.workspace.objects import find, place
from small_project import SmallProject, make


def put(content: bytes, suffix: str = "", name: str = "") -> str:
    """Put an object into DVC's cache; return its name."""
    name = name or md5(content).hexdigest() + suffix
    path = Path(".dvc/cache/files/md5", name[:2], name[2:])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_placed_with_its_files(folder: Path) -> None:
    listed = [{"md5": put(b"x,y\n"), "relpath": "deep/a.csv"}]
    place(put(json.dumps(listed).encode(), ".dir"), folder / "data/raw")
    assert (folder / "data/raw/deep/a.csv").read_bytes() == b"x,y\n"


@pytest.mark.parametrize(
    "relpath", ["../src/evil.py", "/etc/evil", "a/../../evil", "..\\evil", "C:evil", "a\\..\\evil"]
)
def test_an_object_leads_nowhere_else(folder: Path, relpath: str) -> None:
    listed = [{"md5": put(b"evil"), "relpath": relpath}]
    before = sorted(folder.rglob("*evil*"))
    with pytest.raises(Refusal, match="outside of its folder"):
        place(put(json.dumps(listed).encode(), ".dir"), folder / "tree/data/raw")
    assert sorted(folder.rglob("*evil*")) == before


def test_an_object_is_what_its_hash_says(folder: Path) -> None:
    assert find(put(b"model")).read_bytes() == b"model"
    name = put(b"another model", name=md5(b"model").hexdigest())
    with pytest.raises(Refusal, match="is not what its hash says"):
        find(name)
    with pytest.raises(Refusal, match="no hash"):
        find("../../secret")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    project = make(tmp_path / "project")
    monkeypatch.chdir(project.path)
    return project


def test_answers_that_came_with_a_branch_are_not_believed(project: SmallProject) -> None:
    project.write(".champion/runs/0/predictions.parquet", "forged")
    project.git("add", "--force", ".champion")
    with pytest.raises(Refusal, match="is in Git, where the judge keeps its own answers"):
        run_commit("HEAD", "0" * 32 + ".dir")


def test_a_tag_without_a_model_is_refused(project: SmallProject) -> None:
    project.git("config", "column.ui", "always")
    for number in range(12):
        project.git("tag", f"model#production#{number}")
    with pytest.raises(Refusal, match="production#11 names a commit whose"):
        find_champion()


@pytest.mark.parametrize(
    ("paths", "kind"),
    [
        (["README.md", "docs/deep/page.md", "dvc.lock", "reports/cv.json"], "nothing"),
        (["src/champion/audit/page.py"], "nothing"),
        (["data/raw.dvc", "dvc.lock"], "data"),
        (["requirements.txt", "pyproject.toml"], "lock"),
        (["data/raw.dvc", "requirements.txt"], "model"),
        (["data/helper.py"], "model"),
        (["src/pkg/words.md"], "model"),
        (["src/pkg/requirements.txt"], "model"),
        (["src/pkg/schema.py", "docs/schema.md"], "model"),
        (["params.yaml"], "model"),
    ],
)
def test_the_policy_follows_from_what_changed(paths: list[str], kind: str) -> None:
    assert changed.kind(paths) == kind
    assert (changed.policy(paths) == "maintain") == (kind in ("data", "lock"))


@pytest.mark.parametrize(
    ("gate", "path", "refused"),
    [
        (Gate(metric="shop.metrics:profit"), "src/shop/metrics.py", True),
        (Gate(metric="roc_auc", guards=[{"shop.metrics:cost": 0.1}]), "src/shop/metrics.py", True),
        (Gate(metric="shop.metrics:profit"), "src/shop/metrics/extra.py", True),
        (Gate(metric="shop.metrics:profit"), "src/shop/model.py", False),
        (Gate(metric="roc_auc"), "src/roc_auc.py", False),
    ],
)
def test_the_code_of_the_metric_is_the_default_branchs(
    gate: Gate, path: str, refused: bool
) -> None:
    if not refused:
        refuse_own_metric(gate, [path])
        return
    with pytest.raises(Invalid, match="the code of the metric"):
        refuse_own_metric(gate, [path])


def verdict(word: str, merge: bool) -> dict[str, object]:
    return {"verdict": word, "merge": merge, "reasons": ["because"]}


@pytest.mark.parametrize(
    ("before", "model", "stopped"),
    [
        (None, False, False),
        (None, True, True),
        (verdict("better", True), True, False),
        (verdict("inconclusive", False), True, True),
        (verdict("inconclusive", False), False, False),
        (verdict("worse", False), False, True),
    ],
)
def test_new_rows_are_no_excuse(
    before: dict[str, object] | None, model: bool, stopped: bool
) -> None:
    assert bool(harm_of_new_rows(before, model)) == stopped
