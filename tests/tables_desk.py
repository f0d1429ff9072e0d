"""A project without Git, for the verbs that read tables; run in this process."""

import importlib.util
import io
import itertools
import json
import shutil
import sys
import tarfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from conftest import ENGINE

NUMBER = itertools.count()


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


class Desk:
    """A folder with raw data, gate.yaml and the user's package as generated."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.package = f"desk{next(NUMBER)}"
        (self.path / "data/raw").mkdir(parents=True)
        source = self.path / "src" / self.package
        source.mkdir(parents=True)
        (source / "__init__.py").touch()
        for name in ("data.py", "schema.py"):
            shutil.copy(ENGINE / "{{cookiecutter.__package}}" / name, source / name)
        shutil.copytree(ENGINE / "champion/tables", self.path / "src/champion/tables")
        (self.path / "src/champion/__init__.py").touch()  # ruff sorts imports by what is there
        (self.path / "pyproject.toml").write_text('[tool.ruff]\nline-length = 100\nsrc = ["src"]\n')
        (self.path / "params.yaml").write_text("# tuned\nmodel:\n  kind: boosted # or linear\n")

    def put(self, content: pd.DataFrame | str | bytes, name: str = "table.csv") -> Path:
        """Write a file of raw data."""
        path = self.path / "data/raw" / name
        if isinstance(content, pd.DataFrame):
            if name.endswith(".parquet"):
                content.to_parquet(path)
            else:
                content.to_csv(path, index=False)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def gate(self, target: str, show: bool = False, **roles: Any) -> None:
        """Write gate.yaml."""
        content = {"data": {"target": target, **roles}, "report": {"show_values": show}}
        YAML().dump(content, self.path / "gate.yaml")

    def run(self, *arguments: str) -> Said:
        """Run a verb."""
        from champion.cli import main

        self.forget()
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(list(arguments))
        return Said(code, out.getvalue(), err.getvalue())

    def forget(self) -> None:
        """Let the user's modules be imported anew, as in a new process."""
        for name in [name for name in sys.modules if name.split(".")[0] == self.package]:
            del sys.modules[name]
        importlib.invalidate_caches()
        for cached in self.path.glob("src/*/__pycache__"):
            shutil.rmtree(cached)

    def described(self, table: pd.DataFrame | str | bytes, target: str, **roles: Any) -> Said:
        """Put a table there and describe it."""
        self.put(table)
        self.gate(target, **roles)
        return self.run("describe")

    @property
    def settings(self) -> dict[str, Any]:
        return YAML(typ="safe").load(self.path / "gate.yaml")

    @property
    def params(self) -> dict[str, Any]:
        return YAML(typ="safe").load(self.path / "params.yaml")

    @property
    def schema_text(self) -> str:
        return self.source("schema.py").read_text(encoding="utf-8")

    @property
    def schema(self) -> ModuleType:
        from champion.project import user_module

        self.forget()
        return user_module("schema")

    def source(self, name: str) -> Path:
        return self.path / "src" / self.package / name

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.path / "reports/data.json").read_text(encoding="utf-8"))

    def found(self, level: str) -> set[tuple[str | None, str]]:
        """Column and check of each error or warning of the last validation."""
        return {(f["column"], f["check"]) for f in self.report[f"{level}s"]}

    @property
    def valid(self) -> pd.DataFrame:
        return pd.read_parquet(self.path / "data/valid.parquet")

    def kinds(self) -> dict[str, str]:
        from champion.tables.schema import kind_of

        return {name: kind_of(it) for name, it in self.schema.schema.columns.items()}

    def everything(self) -> str:
        """All text that the verbs left behind, the data aside."""
        files = [
            p
            for p in self.path.rglob("*")
            if p.is_file() and not {"data", "__pycache__"} & {*p.parts[-3:-1]}
        ]
        return "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in files)


def packaged(package: str, name: str) -> Path:
    """A file of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / name


def diamonds() -> pd.DataFrame:
    """The prices of 53,940 diamonds (ggplot2's, in pydataset)."""
    with tarfile.open(packaged("pydataset", "resources.tar.gz")) as archive:
        (name,) = [n for n in archive.getnames() if n.endswith("/diamonds.csv") and "/._" not in n]
        file = archive.extractfile(name)
        assert file
        return pd.read_csv(file, index_col=0)
