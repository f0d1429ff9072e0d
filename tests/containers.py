"""Images for real, where buildah is: on a base of this machine's own files, without a daemon."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PROGRAMS = ("sh", "cat", "id", "ls", "rm")
LIBRARY = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
SKIPPED = ("site-packages", "test", "__pycache__", "idlelib", "tkinter", "config-*", "_tkinter*")
# The base's pip is uv, with this machine's cache: what is cached is not downloaded again.
PIP = """#!/bin/sh
export UV_CACHE_DIR=/uv-cache UV_LINK_MODE=copy SSL_CERT_FILE=/certificates.crt
[ "$1" = --python ] && python="$2" && shift 2
shift
/usr/local/bin/uv pip install --quiet --python "$python" "$@" && rm -f /venv/.lock
"""


def installable() -> bool:
    """Whether this machine has what an image takes."""
    return sys.platform == "linux" and os.getuid() == 0 and bool(shutil.which("buildah"))


class Containers:
    """A store of images of its own.

    Attributes
    ----------
    variables : for programs that call buildah.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
        assert uv
        cache = subprocess.run([uv, "cache", "dir"], capture_output=True, encoding="utf-8")
        self.uv = Path(uv)
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
        )
        (folder / "containers.conf").write_text(
            f'[containers]\nvolumes = ["{cache.stdout.strip()}:/uv-cache"]\n'
        )
        (folder / "registries.conf").write_text("unqualified-search-registries = []\n")
        self.variables = {
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }

    def buildah(self, *arguments: str) -> str:
        done = subprocess.run(
            ["buildah", *arguments],
            env={**os.environ, **self.variables},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def make_base(self, name: str) -> None:
        """An image of this machine's Python, a shell and the libraries of both."""
        root = self.folder / "base"
        programs = [Path(shutil.which(it) or it).resolve() for it in PROGRAMS]
        python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info[1]}").resolve()
        for program, it in zip(PROGRAMS, programs, strict=True):
            copy(it, root / "bin" / program)
        copy(self.uv, root / "usr/local/bin/uv")
        copy(python, root / "usr/local/bin/python3")
        library = root / "usr/local/lib" / LIBRARY.name
        shutil.copytree(LIBRARY, library, ignore=shutil.ignore_patterns(*SKIPPED), symlinks=True)
        native = [*programs, python, self.uv, *library.glob("lib-dynload/*.so")]
        wanted = {path for it in native for path in linked(it)}
        wanted |= {
            Path(f"/lib/{it.parent.name}/libstdc++.so.6") for it in wanted if it.parts[1] == "lib"
        }
        for path in wanted:
            if path.exists():
                where = path if path.parts[1] in ("lib", "lib64") else Path("/lib") / path.name
                copy(path, root / where.relative_to("/"))
        (root / "usr/local/bin/pip").write_text(PIP)
        (root / "usr/local/bin/pip").chmod(0o755)
        certificates = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        copy(Path(certificates), root / "certificates.crt")
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
        made = self.buildah("from", "scratch")
        self.buildah("copy", "--quiet", made, str(root), "/")
        self.buildah("config", "--env", "PATH=/usr/local/bin:/bin", made)
        self.buildah("commit", "--quiet", "--rm", made, name)

    def described(self, name: str) -> dict:
        """The configuration of an image."""
        return json.loads(self.buildah("inspect", "--type", "image", name))["Docker"]["config"]


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)


def linked(program: Path) -> set[Path]:
    """The libraries that a program loads."""
    done = subprocess.run(["ldd", program], capture_output=True, encoding="utf-8")
    return {Path(word) for word in done.stdout.split() if word.startswith("/")}
