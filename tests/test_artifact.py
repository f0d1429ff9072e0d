"""What training left, read as from a stranger: zip files, locks, pointers, what reports claim."""

import io
import json
import math
import stat
import struct
import zipfile
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from champion.ci import artifact, lock
from champion.ci.artifact import FOLDER, Hostile
from champion.ci.subject import locked_model
from champion.judge import changes, claims
from champion.judge.champion import read_yaml
from champion.judge.evidence import Invalid
from champion.judge.paths import kind, owned, trains
from champion.judge.verdict_file import checked

NO_FILE = "no plain file"
FOREIGN = "does not belong there"
DAMAGED = "damaged zip file"
A, B = md5(b"a").hexdigest(), md5(b"b").hexdigest()
AN_OBJECT = f"objects/{A[:2]}/{A[2:]}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder inside another one, to see what gets out."""
    inside = tmp_path / "outer" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    return inside


def entry(name: str, mode: int = 0, **fields: Any) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def zipped(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in entries:
            made = name if isinstance(name, zipfile.ZipInfo) else entry(name)
            archive.writestr(made, text, made.compress_type or zipfile.ZIP_DEFLATED)
    return content.getvalue()


def unpack(content: bytes) -> Path:
    Path("a.zip").write_bytes(content)
    artifact.unpack(Path("a.zip"), FOLDER)
    return FOLDER


def refused(folder: Path, content: bytes, words: str) -> None:
    """It is refused in one sentence, and nothing of it stays anywhere."""
    with pytest.raises(Hostile, match=words) as caught:
        unpack(content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 120  # of a status, behind its first words
    left = {p.name for p in folder.parent.parent.rglob("*")}
    assert left == {"outer", "inside", "a.zip", ".champion"}


def test_what_training_packs_is_taken(folder: Path) -> None:
    files = {"dvc.lock": b"x", "reports/cv.json": b"{}", "seconds.json": b"", AN_OBJECT: b"a"}
    unpack(zipped((f"{AN_OBJECT}.dir", b"a"), *files.items()))
    assert {name: (FOLDER / name).read_bytes() for name in files} == files
    cache = folder / "cache"
    artifact.take_objects(FOLDER, cache)
    artifact.take_objects(FOLDER, cache)  # again: what is there stays
    assert {path.name for path in cache.glob("*/*")} == {A[2:], f"{A[2:]}.dir"}


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "reports/../../evil.json", "/etc/evil", "/dvc.lock", "reports//cv.json",
        "./dvc.lock", "dvc.lock/", "reports/", "reports/CV.json", "reports/a.json\n", "dvc.lock ",
        "reports/cv.json/evil", "reports\\cv.json", "C:dvc.lock", "C:\\evil", "objects/evil",
        f"objects/{A[:2]}/../../evil", f"objects/{A[:2]}/{A[2:]}.dir.dir", "src/champion/ci/gate.py",
        f"objects/{A[:2].upper()}/{A[2:].upper()}", ".git/config", "gate.yaml", "reports/a/b.json",
        "reports/.json", "dvc\N{FULLWIDTH FULL STOP}lock", "reports/r\xe9sum\xe9.json", "", "evil",
    ],
)  # fmt: skip
def test_a_file_has_its_place(folder: Path, name: str) -> None:
    refused(folder, zipped(("dvc.lock", b"x"), (name, b"evil")), FOREIGN)


@pytest.mark.parametrize(
    "kind",
    ["S_IFLNK", "S_IFBLK", "S_IFCHR", "S_IFIFO", "S_IFSOCK", "S_IFDIR"],
)
def test_it_holds_plain_files(folder: Path, kind: str) -> None:
    made = entry("dvc.lock", getattr(stat, kind) | 0o777)
    refused(folder, zipped(("reports/cv.json", b"{}"), (made, b"/etc/passwd")), NO_FILE)


def test_modes_are_not_taken_over(folder: Path) -> None:
    made = entry("dvc.lock", stat.S_IFREG | stat.S_ISUID | 0o777)
    mode = (unpack(zipped((made, b"x"))) / "dvc.lock").stat().st_mode
    assert not mode & (stat.S_ISUID | 0o111)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_comes_once(folder: Path) -> None:
    refused(folder, zipped(("dvc.lock", b"good"), ("dvc.lock", b"evil")), "a file twice")
    hidden = zipped(("dvc.lock", b"good"), ("dvc.lockX", b"evil")).replace(b"lockX", b"lock\0")
    refused(folder, hidden, "a file twice|damaged")


def test_encrypted_files_are_refused(folder: Path) -> None:
    content = bytearray(zipped(("dvc.lock", b"x")))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    refused(folder, bytes(content), NO_FILE)


@pytest.mark.parametrize("name", ["dvc.lock", "reports/cv.json", "seconds.json"])
def test_a_file_has_a_size(folder: Path, name: str) -> None:
    most = artifact.most(name)
    assert (unpack(zipped((name, bytes(most)))) / name).stat().st_size == most
    artifact.shutil.rmtree(FOLDER)
    refused(folder, zipped((name, bytes(most + 1))), "too large")


def sizes(content: bytes, size: int) -> bytes:
    """The same zip file, which says another size of its first file before compression."""
    made = bytearray(content)
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", made, made.index(mark) + at, size)
    return bytes(made)


@pytest.mark.parametrize("size", [0, 10, 999])
def test_more_than_it_says_is_not_unpacked(folder: Path, size: int) -> None:
    bomb = sizes(zipped(("seconds.json", bytes(50_000_000))), size)
    assert len(bomb) < 100_000
    refused(folder, bomb, "longer than it says|damaged")


def test_the_sum_of_what_it_declares_is_bounded(folder: Path) -> None:
    names = [md5(bytes([n])).hexdigest() for n in range(5)]
    entries = [entry(f"objects/{name[:2]}/{name[2:]}", file_size=2_000_000_000) for name in names]
    artifact.check(entries[:4])
    with pytest.raises(Hostile, match="unpacks to more than 8,000,000,000 bytes"):
        artifact.check(entries)


def test_the_number_of_files_is_bounded(folder: Path) -> None:
    entries = [entry(f"objects/{n:02x}/{n:030x}"[:41]) for n in range(20_000)]
    with pytest.raises(Hostile, match="20,001 files, at most 20,000"):
        artifact.check([*entries, entry("dvc.lock")])


def test_a_download_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MOST_BYTES", 3 * artifact.CHUNK)
    with Path("/dev/zero").open("rb") as endless, pytest.raises(Hostile, match="more than"):
        artifact.download(endless, folder / "a.zip")
    assert (folder / "a.zip").stat().st_size <= 3 * artifact.CHUNK


@pytest.mark.parametrize("content", [b"a", b"b" * 40, b""])
@pytest.mark.parametrize("suffix", ["", ".dir"])
def test_an_object_is_what_its_name_says(folder: Path, content: bytes, suffix: str) -> None:
    name = f"objects/{B[:2]}/{B[2:]}{suffix}"
    refused(folder, zipped(("dvc.lock", b"x"), (name, content)), "not what its hash says")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_other_compressions(folder: Path, method: int) -> None:
    """They are unpacked or refused; a claimed one cannot be read."""
    content = zipped((entry("dvc.lock", compress_type=min(method, 14)), b"x" * 1000))
    if method != 99:
        assert (unpack(content) / "dvc.lock").read_bytes() == b"x" * 1000
        return
    broken = bytearray(content)
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", broken, broken.index(mark) + at, method)
    refused(folder, bytes(broken), DAMAGED)


def test_what_was_there_before_is_gone(folder: Path) -> None:
    unpack(zipped(("reports/cv.json", b"old")))
    assert not (unpack(zipped(("dvc.lock", b"x"))) / "reports").exists()
    (FOLDER / "dvc.lock").unlink()
    (FOLDER / "dvc.lock").symlink_to(folder.parent / "secret")
    unpack(zipped(("dvc.lock", b"x")))
    assert not (folder.parent / "secret").exists()


SOUND = zipped(("dvc.lock", b"stages: {}\n" * 9), ("reports/cv.json", b"{}"), (AN_OBJECT, b"a"))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_zip_file_is_refused_or_holds_what_it_may(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut, longer, with other bytes: whatever gets out is a file in its place, with its content."""
    content = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = (
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    folder = tmp_path_factory.mktemp("zip")
    (folder / "a.zip").write_bytes(cut + data.draw(st.binary(max_size=30)))
    try:
        artifact.unpack(folder / "a.zip", folder / "out")
    except Hostile:
        assert not (folder / "out").exists()
        return
    for path in (p for p in (folder / "out").rglob("*") if p.is_file()):
        name = path.relative_to(folder / "out").as_posix()
        assert artifact.most(name) >= path.stat().st_size
        if name.startswith("objects"):
            assert md5(path.read_bytes()).hexdigest() == "".join(path.parts[-2:])[:32]


LOCK = f"""schema: '2.0'
stages:
  validate:
    cmd: python -m champion validate && echo done 2>&1
    deps:
    - path: data/raw
      hash: md5
      md5: {B}.dir
      size: 3
    outs:
    - path: data/valid.parquet
      hash: md5
      md5: {A}
      size: 3
  train:
    cmd: python -m champion train
    deps:
    - path: data/valid.parquet
      hash: md5
      md5: {A}
      size: 3
    params:
      params.yaml:
        seed: 0
    outs:
    - path: model.skops
      hash: md5
      md5: {A}
      size: 3
  evaluate:
    cmd: python -m champion evaluate
    outs:
    - path: predictions.parquet
      hash: md5
      md5: {B}
      size: 3
"""


def test_a_lock_names_what_the_stages_made() -> None:
    made = lock.parsed(LOCK)
    assert (made.model, made.predictions, made.deps["data/raw"]) == (A, B, f"{B}.dir")


def read(content: bytes) -> lock.Lock:
    Path("dvc.lock").write_bytes(content)
    return lock.read(Path("dvc.lock"))


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 12))
STALE = f"  older:\n    outs:\n    - path: model.skops\n      hash: md5\n      md5: {B}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "without stages"),
        ("stages: 3", "without stages"),
        ("stages: {train: 3}", "without stages"),
        ("- " * 1500, "without stages"),
        ("a: " + "9" * 5000, "without stages"),
        ("a: 2001-99-99", "without stages"),
        ("a: !!int x", "without stages"),
        ("!!python/object/apply:os.system [touch evil]", "without stages"),
        (BOMB + LOCK, "without stages"),
        ('{"a":&x [1], "b": *x}\n', "without stages"),
        (LOCK.replace("stages:", "stages: &s"), "without stages"),
        (LOCK + LOCK.split("\n", 1)[1], "without stages"),  # keys that come twice
        (LOCK.replace("\n", "\0", 1), "without stages"),
        (LOCK.replace("model.skops", "m.skops"), "stage train makes no model.skops"),
        (LOCK.replace("predictions.p", "p"), "stage evaluate makes no predictions.parquet"),
        (LOCK.replace("  train:", "  trains:"), "stage train makes no model.skops"),
        (LOCK.replace(f"md5: {A}", "md5: ../../etc/passwd"), "no path and hash"),
        (LOCK.replace(f"md5: {A}", f"md5: {A.upper()}"), "no path and hash"),
        (LOCK.replace(f"md5: {A}", f'md5: "{A}\\n"'), "no path and hash"),
        (LOCK.replace(f"md5: {A}", f"md5: {'1' * 32}"), "no path and hash"),  # a number
        (LOCK.replace("path: model.skops", "path: [model.skops]"), "no path and hash"),
        (LOCK.replace("    outs:\n    - path: model", "    outs: 3\n    other:\n    - path: model"),
         "no path and hash"),
        (LOCK.replace("- path: model.skops\n      hash: md5", "- hash: md5\n      path: model.skops"),
         "DVC did not write"),
        ("x: |\n  train:\n    outs:\n    - path: model.skops\n      hash: md5\n"
         f"      md5: {B}\n{LOCK}", "DVC did not write"),
    ],
)  # fmt: skip
def test_a_lock_that_training_did_not_make_is_invalid(folder: Path, text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        read(text.encode())
    assert not Path("evil").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe" + LOCK.encode(), None])
def test_a_lock_is_text(folder: Path, content: bytes | None) -> None:
    with pytest.raises(Invalid, match="that can be read"):
        read(content) if content else lock.read(Path("dvc.lock"))
    Path("dvc.lock").unlink(missing_ok=True)
    Path("dvc.lock").mkdir()
    with pytest.raises(Invalid, match="that can be read"):
        lock.read(Path("dvc.lock"))


@pytest.mark.parametrize("text", [LOCK + STALE, LOCK.replace("stages:\n", f"stages:\n{STALE}")])
def test_the_model_is_what_train_made_whichever_way_it_is_read(text: str) -> None:
    """A stage that is gone from dvc.yaml stays in dvc.lock; another one cannot name the model."""
    assert lock.parsed(text).model == locked_model(text) == A


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.builds(
            lambda cuts: "".join(c if n not in cuts else "[{*&" for n, c in enumerate(LOCK)),
            st.sets(st.integers(0, len(LOCK)), max_size=3),
        ),
        st.builds(lambda n, s: LOCK[:n] + s + LOCK[n:], st.integers(0, len(LOCK)), st.text()),
    )
)
def test_no_text_breaks_the_reading_of_a_lock(text: str) -> None:
    try:
        made = lock.parsed(text)
    except Invalid:
        return
    assert made.model == locked_model(text)


POINTER = f"outs:\n- md5: {A}.dir\n  size: 3\n  nfiles: 1\n  hash: md5\n  path: raw\n"


@pytest.mark.parametrize(
    "text",
    [
        "", "outs: []", "outs: 3", "- outs", POINTER + POINTER[6:],
        POINTER.replace("path: raw", "path: ../src"), POINTER.replace(A, "../" + A[3:]),
        POINTER + "cmd: touch evil\n", POINTER + "wdir: ..\n", POINTER + "deps:\n- path: x\n",
        POINTER + "  remote: elsewhere\n", POINTER + "  cache: false\n", "- " * 1500,
        POINTER.replace("outs:", "outs: &a"), POINTER.replace("size: 3", f"size: {'9' * 5000}"),
    ],
)  # fmt: skip
def test_the_pointer_to_the_data_is_only_that(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command in it would run wherever somebody reproduces."""
    monkeypatch.setattr(lock, "show", lambda commit, path: POINTER)
    assert lock.pointed("HEAD") == f"{A}.dir"
    monkeypatch.setattr(lock, "show", lambda commit, path: text)
    with pytest.raises(Invalid, match="does not name the data as `make data` does"):
        lock.pointed("HEAD")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1 && 2", {"a": "1 && 2"}),
        ("cmd: x 2>&1", {"cmd": "x 2>&1"}),
        ("a: R&D", {"a": "R&D"}),
        ("a: &b 1\nc: *b", {}),
        ("&a {b: *a}", {}),
        ("{" * 1500, {}),
    ],
)
def test_yaml_of_strangers_has_no_aliases(text: str, said: object) -> None:
    assert read_yaml(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "", "stages: []", "stages: {a: 3}", "stages: {a: {outs: 3, deps: {x: 1}}}", "- 1", "- " * 1500,
        "stages: {a: {outs: [{}], deps: [{}, [1], null]}}", "stages: {1: {outs: [x], deps: [x]}}",
    ],
)  # fmt: skip
def test_no_pipeline_breaks_its_graph(text: str) -> None:
    assert changes.pipeline(text).startswith("flowchart LR")
    assert changes.params("a: 1", text) is not None


def test_the_graph_of_a_pipeline_with_options() -> None:
    text = "stages: {a: {outs: [{x: {cache: false}}]}, b: {deps: [x]}, c: {foreach: [1], do: {}}}"
    assert changes.pipeline(text) == "flowchart LR\n  a --> b"


HUGE = ["1e999", "-1e999", "NaN", "9" * 5000, "1e101", "true", '"1"', "null", "[]", "{}"]


@pytest.mark.parametrize("value", HUGE)
def test_a_claimed_number_can_be_shown_or_is_left_out(folder: Path, value: str) -> None:
    reports = folder / "reports"
    reports.mkdir()
    texts = {
        "data.json": '{"errors": [{"column": "c", "check": "range", "count": V, "share": V, '
        '"rows": [V, 3, -1]}], "warnings": V}',
        "explanation.json": '{"features": [{"feature": "f", "importance": V}, V]}',
        "folds.json": '{"roc_auc": [V, 0.5]}',
        "holdout.json": '{"metrics": {"roc_auc": {"value": V, "se": V}}}',
        "seconds.json": '{"champion": V, "challenger": V}',
    }
    for name, text in texts.items():
        (reports / name).write_text(text.replace("V", value))
    found = claims.findings(reports, "errors")
    assert [(it["count"], it["share"]) for it in found] in ([], [(0, None)])
    assert all(it["rows"] == [3] for it in found)
    features = claims.features(claims.read(reports / "explanation.json"))
    assert [it["importance"] for it in features] in ([], [None])
    assert claims.folds(reports, "roc_auc") in ([], [0.5])
    assert claims.holdout(reports, "roc_auc") is None
    assert claims.seconds(reports / "seconds.json") is None


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["errors", "warnings", "column", "check", "rows", "features", "feature",
                             "importance", "metrics", "roc_auc", "value", "se", "champion",
                             "challenger", "count"]), inner, max_size=4),
        max_leaves=25,
    )
)  # fmt: skip
def test_no_report_breaks_what_is_told_of_it(
    tmp_path_factory: pytest.TempPathFactory, content: object
) -> None:
    reports = tmp_path_factory.mktemp("reports")
    for name in ("data", "folds", "holdout", "explanation"):
        (reports / f"{name}.json").write_text(json.dumps(content))
    for level in ("errors", "warnings"):
        for it in claims.findings(reports, level):
            assert isinstance(it["count"], int)
            assert all(isinstance(row, int) for row in it["rows"])
    for it in claims.features(claims.read(reports / "explanation.json")):
        assert all(it[key] is None or math.isfinite(it[key]) for key in claims.WEIGHTS)
    claims.folds(reports, "roc_auc")
    claims.holdout(reports, "roc_auc")
    claims.seconds(reports / "data.json")


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[" * 100_000, b"[1]", b"3", b"{" + b" " * 9, None]
)
def test_a_report_that_is_none_says_nothing(folder: Path, content: bytes | None) -> None:
    if content is not None:
        Path("data.json").write_bytes(content)
    assert claims.read(Path("data.json")) == {}


def test_lists_and_names_are_cut(folder: Path) -> None:
    finding = {"column": "c" * 9999, "check": "x" * 9999, "rows": list(range(1, 99)), "count": 1}
    Path("data.json").write_text(json.dumps({"errors": [finding] * 220}))
    found = claims.findings(Path(), "errors")
    assert len(found) == claims.MOST
    assert len(found[0]["rows"]) == 10
    assert len(json.dumps(found)) < 200_000


def test_words_that_are_no_unicode_can_be_written_again() -> None:
    """Names of files and of columns may be any bytes; an event of the ledger is UTF-8."""
    file = {
        "verdict": "invalid", "merge": False, "policy": "improve", "reasons": ["caf\udce9"],
        "changes": {"paths": ["docs/caf\udce9.md"], "params": [{"key": "\ud800", "champion": "\udcff"}]},
    }  # fmt: skip
    text = json.dumps(checked(file), ensure_ascii=False)
    assert "docs/caf?.md" in text.encode().decode()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("docs/evil.dvc", "model"),
        ("notebooks/dvc.yaml", "model"),
        ("tests/deep/dvc.lock", "model"),
        ("docs/.dvcignore", "model"),
        (".dvcignore", "model"),
        (".gitattributes", "model"),
        ("data/incoming/march.csv.dvc", "model"),
        ("data/incoming/march.csv", "nothing"),
        ("docs/dvc.yaml.md", "nothing"),
        ("docs/about.dvc.md", "nothing"),
    ],
)
def test_what_dvc_and_git_read_is_no_document(path: str, said: str) -> None:
    assert kind([path]) == said
    assert trains([path]) == (said != "nothing")


def test_what_people_state_of_a_model_runs_the_pipeline_and_changes_no_model() -> None:
    assert (kind(["card.yaml"]), trains(["card.yaml"])) == ("nothing", True)
    assert kind(["card.yaml", "data/raw.dvc"]) == "data"
    assert kind(["card.yaml", "params.yaml"]) == "model"


def test_what_the_judge_runs_has_an_owner() -> None:
    assert owned(["Makefile", "docs/Makefile"]) == ["Makefile"]


@pytest.mark.parametrize("path", ["src/visits/model.py", "src/visits/features/by_day.py"])
def test_a_model_has_none(path: str) -> None:
    assert owned([path]) == []


@pytest.mark.parametrize(
    "path",
    [
        "src/json.py", "src/json/__init__.py", "src/json/__init__.pyc", "src/sitecustomize.pyc",
        "src/visits/__init__.py", "src/visits/schema.py", "src/visits/schema/__init__.py",
        "src/visits/schema/a.py", "src/visits/schema.abi3.so", "src/visits/data.cpython-311.so",
        "src/champion/ci/api.py", "src/champion/new.py", "deploy/Dockerfile",
    ],
)  # fmt: skip
def test_what_python_would_import_in_anothers_place_has_an_owner(path: str) -> None:
    assert owned([path]) == [path]
