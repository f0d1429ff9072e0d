"""Refuse bad answers in one sentence, before anything is written.

What only this hook can know (where the command was typed, so which file a relative path means) it
leaves in `.answers.json` for the hook that runs after it.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import filecmp
import io
import itertools
import json
import keyword
import os
import re
import shutil
import sys
import tempfile
import unicodedata
import zipfile
from pathlib import Path

NOTE = Path(".answers.json")
HEAD = 1 << 20  # bytes of a file that are looked at
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SCHEMES = ("s3", "gs", "azure", "ssh")
TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
ODD = ("Cc", "Cs", "Zl", "Zp")  # control characters, half characters, line ends
FORMATS = {
    b"PK\x03\x04": "a zip archive: unpack it and give the CSV or Parquet file inside.",
    b"\x1f\x8b": "compressed: unpack it and give the CSV or Parquet file inside.",
    b"BZh": "compressed: unpack it and give the CSV or Parquet file inside.",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save it as CSV.",
    b"\x89PNG": "a PNG image: only tables can be learned from, as CSV or Parquet.",
    b"\xff\xd8\xff": "a JPEG image: only tables can be learned from, as CSV or Parquet.",
    b"GIF8": "a GIF image: only tables can be learned from, as CSV or Parquet.",
    b"RIFF": "sound or an image: only tables can be learned from, as CSV or Parquet.",
    b"%PDF": "a PDF document: save its table as CSV.",
    b"SQLite format 3": "an SQLite database: save the table as CSV or Parquet.",
    b"\x89HDF": "an HDF5 file: save the table as Parquet.",
    b"ARROW1": "an Arrow or Feather file: save it as Parquet.",
}
# Names that a package would hide: folders of the project, and what its libraries install.
# (The first four are no file names on Windows.)
TAKEN = set(
    re.findall(
        r"\w+",
        """
    aux con nul prn champion conftest data deploy notebooks reports src test tests tracker

    aiohappyeyeballs aiohttp aiohttp_retry aiosignal alembic amqp annotated_doc annotated_types
    antlr4 anyio appdirs ast_serialize asyncssh attr attrs billiard cachetools catboost celery
    certifi cffi cfgv charset_normalizer click click_didyoumean click_plugins click_repl
    cloudpickle cml colorama configobj contourpy coreweave_evaluations cryptography cycler dask
    databricks dateutil dictdiffer diskcache distlib distro distutils dotenv dpath dulwich dvc
    dvc_data dvc_http dvc_objects dvc_render dvc_studio_client dvc_task dvclive entrypoints
    evidently fairlearn fastapi fastjsonschema filelock flatten_dict flufl fonttools frozenlist
    fsspec funcy git gitdb google grandalf gto h11 httpcore httpx hydra hypothesis identify
    idna importlib_metadata iniconfig ipykernel ipython iterative_telemetry jinja2 joblib
    jsonschema jsonschema_specifications jupyter jupyter_core jupyterlab keras kiwisolver kombu
    librt lightgbm lime llvmlite mako markdown_it markupsafe matplotlib mdurl mlflow
    mpl_toolkits multidict mypy mypy_extensions mypyc narwhals nbclient nbformat nbstripout
    networkx nodeenv numba numpy omegaconf opentelemetry optuna orjson packaging pandas pandera
    pathspec pil pip platformdirs pluggy polars pre_commit pre_commit_hooks prettytable
    prometheus_client prompt_toolkit propcache psutil public py pyarrow pyasn1 pyasn1_modules
    pycparser pydantic pydantic_core pydantic_settings pydevd_plugins pydot pygit2 pygments
    pygtrie pylab pyparsing pytest python_discovery pytz ray referencing requests rich rpds
    ruamel ruff scipy scmrepo seaborn semver setuptools shap shortuuid shtab six sklearn skops
    skorch slicer smmap sniffio sqlalchemy sqlparse sqltrie starlette statsmodels tabulate
    tensorflow threadpoolctl tomlkit torch tornado tqdm traitlets typeguard typing_extensions
    typing_inspect typing_inspection tzdata tzlocal urllib3 uv uvicorn validate vine virtualenv
    voluptuous wandb wcwidth wheel xgboost xxhash yaml yarl zc zipp
    """,
    )
)


class Refusal(Exception):
    """What is wrong with an answer and what to do, in a sentence."""


def check_answers(answers: dict[str, str]) -> None:
    """Refuse text that would break the files it is written into, or a later update."""
    for question, answer in answers.items():
        if any(unicodedata.category(c) in ODD or c in "\ufeff\ufffe\uffff" for c in answer):
            raise Refusal(
                f"{question}: {answer!r} holds a line break or an unprintable character: "
                "write it as one line of text."
            )
        if any("{" + mark in answer for mark in "#%{"):
            raise Refusal(f"{question}: {answer!r} holds template code: leave such braces out.")


def check_name(name: str, slug: str, package: str) -> None:
    """Refuse a name that makes no folder or no Python package."""
    where = f"project_name {name!r} (project_slug {slug!r})"
    if not package or package[0].isdigit():
        raise Refusal(f"{where} makes no Python package: choose a name that starts with a letter.")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", slug):
        raise Refusal(
            f"{where} makes no folder: use only letters, digits, - and _ in project_slug."
        )
    if package in TAKEN | set(getattr(sys, "stdlib_module_names", ())) or keyword.iskeyword(
        package
    ):
        raise Refusal(
            f"{where} makes the package {package}, a name that is taken: "
            f"choose another, for example {package}-model."
        )


def typed_paths(name: str) -> list[Path]:
    """The paths that `name` can mean: from where the command was typed, or from the output folder."""
    path = Path(name)
    if name.startswith("~"):
        path = Path(os.path.expanduser(name))
    folders = [Path(os.environ.get("PWD") or Path.cwd().parent), Path.cwd().parent]
    paths = [Path(os.path.abspath(folder / path)) for folder in folders]
    return list(dict.fromkeys(paths))


def find_data(name: str) -> Path:
    """The one file that the answer `data_file` means."""
    if "://" in name:
        raise Refusal(f"data_file: {name} is an address: download it and give the file.")
    paths = typed_paths(name)
    found = [path for path in paths if path.exists()]
    if not found:
        raise Refusal(
            f"data_file: there is no {' and no '.join(map(str, paths))}: give its full path."
        )
    for path in found:
        if path.is_dir():
            raise Refusal(f"data_file: {path} is a folder: give one CSV or Parquet file in it.")
        if not path.is_file() or not os.access(path, os.R_OK):
            raise Refusal(f"data_file: {path} cannot be read: give a CSV or Parquet file of yours.")
    if len(found) == 2 and not filecmp.cmp(found[0], found[1], shallow=False):
        raise Refusal(f"data_file: {found[0]} and {found[1]} differ: give the full path of one.")
    return found[0]


def check_table(path: Path) -> None:
    """Refuse what is neither CSV nor Parquet, by content or by name."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(-min(path.stat().st_size, 8), os.SEEK_END)
        tail = file.read()
    if not head.strip():
        raise Refusal(f"data_file: {path} is empty: give a CSV or Parquet file with rows.")
    if zipfile.is_zipfile(path) and any(
        n.startswith("xl/") for n in zipfile.ZipFile(path).namelist()
    ):
        raise Refusal(f"data_file: {path} is an Excel workbook: save it as CSV.")
    for start, what in FORMATS.items():
        if head.startswith(start):
            raise Refusal(f"data_file: {path} is {what}")
    suffix = path.suffix.lower()
    parquet = head.startswith(b"PAR1")
    if parquet and not (tail.endswith(b"PAR1") and len(head) > 12):
        raise Refusal(f"data_file: {path} is a Parquet file that is cut off: copy it again.")
    if parquet and suffix in TEXT:
        raise Refusal(f"data_file: {path} holds Parquet: rename it to {path.stem}.parquet.")
    text = suffix in TEXT and not head.lstrip().startswith((b"{", b"<"))
    if not parquet and (not text or (b"\0" in head and not head.startswith(UTF16))):
        raise Refusal(
            f"data_file: {path} is neither CSV nor Parquet: save the table as one of them."
        )
    if parquet and suffix not in PARQUET:
        raise Refusal(f"data_file: {path} is Parquet: give it a name that ends in .parquet.")


def rows(path: Path) -> list[list[str]]:
    """The first rows of a CSV file, by whichever separator gives its header the most columns."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    encoding = "utf-16" if head.startswith(UTF16) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        text = head.decode("cp1252", "replace")
    text = re.sub(r"\A\s*sep=.\s*\n", "", text)  # Excel's own mark
    tables = []
    for separator in ",;\t|":
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            tables.append(list(itertools.islice((row for row in reader if row), 2)))
        except csv.Error:
            continue
    return max(tables, key=lambda table: len(table[0]), default=[])


def footer(path: Path) -> bytes:
    """The end of a Parquet file, where the names of its columns stand."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little") + 8
        file.seek(-min(length, path.stat().st_size), os.SEEK_END)
        return file.read()


def check_target(path: Path, target: str) -> None:
    """Refuse a target that is no column of the file."""
    if not target:
        raise Refusal(f"target: name the column of {path.name} to predict.")
    if path.suffix.lower() in PARQUET:
        if target.encode() not in footer(path):
            raise Refusal(f"target: {path.name} has no column {target!r}: name one that it has.")
        return
    table = rows(path)
    if len(table) < 2:
        raise Refusal(f"data_file: {path} holds no rows below its header: give a file with rows.")
    columns = [name.strip() for name in table[0]]
    if len(columns) < 2:
        raise Refusal(f"data_file: {path} has one column: separate columns by , ; | or tabs.")
    if target not in columns:
        folded = {name.casefold(): name for name in columns}
        near = difflib.get_close_matches(target.casefold(), folded, 1, 0)
        raise Refusal(
            f"target: {path.name} has no column {target!r}: "
            f"did you mean {folded[near[0]] if near else columns[-1]!r}?"
        )


def find_storage(answer: str) -> str:
    """The address of the DVC remote; a folder's as a full path."""
    scheme, colon, rest = answer.partition(":")
    if colon and len(scheme) > 1:  # one letter is a Windows drive
        if scheme not in SCHEMES or not re.fullmatch(r"//[^\s/'\"\\][^\s'\"\\]*", rest):
            raise Refusal(
                f"storage: {answer!r} is no place that DVC can write to: give a folder or "
                "s3://BUCKET, gs://BUCKET, azure://CONTAINER or ssh://HOST/PATH, or leave it empty."
            )
        return answer
    if re.match(r"\w{2,}//", answer):
        raise Refusal(f"storage: {answer!r} lacks a colon: s3://BUCKET, or a folder's name.")
    if re.search(r"['\"#,]", answer):
        raise Refusal(f"storage: {answer!r} holds a quote, # or comma: name a folder without.")
    paths = typed_paths(answer)
    path = next((path for path in paths if path.is_dir()), paths[0])
    if path.exists() and not path.is_dir():
        raise Refusal(f"storage: {path} is a file: name a folder or the address of a bucket.")
    return str(path)


def regenerated(answers: dict[str, str]) -> bool:
    """Whether cruft makes this copy to compare: in a temporary folder, the template in another."""
    folder = Path.cwd().resolve().parent
    temporary = Path(tempfile.gettempdir()).resolve()
    return (
        "_commit" in answers
        and folder.parent == temporary
        and re.fullmatch(r"tmp[a-z0-9_]{8}", folder.name) is not None
        and any(temporary.glob("tmp????????/repo/.git"))
    )


def main(answers: dict[str, str]) -> None:
    """Check every answer; leave the note."""
    asked = {key: answer for key, answer in answers.items() if not key.startswith("_")}
    check_answers(asked)
    check_name(asked["project_name"], asked["project_slug"], answers["__package"])
    note: dict[str, object] = {"regenerated": regenerated(answers)}
    if not note["regenerated"]:
        if not shutil.which("git"):
            raise Refusal("git is not installed: install it, then run this again.")
        if asked["data_file"]:
            path = find_data(asked["data_file"])
            check_table(path)
            check_target(path, asked["target"])
            note["data"] = str(path)
        elif asked["target"] != "late":
            raise Refusal(
                "target: the bundled sample predicts 'late': leave that, or give a data_file too."
            )
        if asked["storage"]:
            note["storage"] = find_storage(asked["storage"])
    NOTE.write_text(json.dumps(note), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(json.loads(r"""{{ cookiecutter | tojson }}"""))
    except Refusal as refusal:
        print(f"Not generated. {refusal}", file=sys.stderr)
        sys.exit(1)
