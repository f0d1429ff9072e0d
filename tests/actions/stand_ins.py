"""What runs instead of actions of the marketplace: every stand-in is named here.

One does what its action documents, with real Git, real files and real zip files, as far as the
inputs that it knows go; any other input is refused, and so is an action without a stand-in.
"""

import hashlib
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from . import cached, images, stored
from .call import Call
from .checkout import checkout
from .errors import Failed, Refused
from .repository import Machine

DOUBLES = Path(__file__).resolve().parents[1] / "doubles"
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def stand_in(uses: str, machine: Machine) -> Callable[[Call], None]:
    """What to call instead of an action.

    Raises
    ------
    Refused : it is not pinned by a commit, or nothing stands in for it.
    """
    if not PINNED.fullmatch(uses):
        raise Refused(f"{uses or 'A step'} is not pinned: write OWNER/NAME@ and a full commit.")
    name = uses.split("@")[0]
    found = {**STAND_INS, **machine.stand_ins}.get(name)
    if not found:
        raise Refused(f"There is no stand-in for {name}.")
    return found


def setup_python(call: Call) -> None:
    """The Python that these tests run on, without their packages, whatever version is asked for."""
    asked = call.take({"python-version": "", "cache": "", "cache-dependency-path": ""})
    found = ".".join(map(str, sys.version_info[:3]))
    call.say(f"asked for Python {asked['python-version']}, this is {found}")
    python = Path(getattr(sys, "_base_executable", sys.executable))
    folder = linked(call, "python", {"python": python, "python3": python})
    call.step.outputs.update(
        {"python-version": found, "python-path": str(folder / "python"), "cache-hit": "false"}
    )


def setup_uv(call: Call) -> None:
    """The uv of these tests; its cache is left to UV_CACHE_DIR."""
    call.take(
        {
            "version": "",
            "python-version": "",
            "enable-cache": "auto",
            "cache-dependency-glob": "",
            "cache-suffix": "",
            "prune-cache": "true",
        }
    )
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if not uv:
        raise Failed("There is no uv on this machine.")
    linked(call, "uv", {"uv": Path(uv)})
    call.step.outputs["cache-hit"] = "false"


def setup_cml(call: Call) -> None:
    """The machine's own CML, led to the tests' GitHub; a double where there is none."""
    call.take({"version": "latest", "vega": "true"})
    real = shutil.which("cml")
    call.step.action += " (the machine's cml)" if real else " (a double of cml)"
    words = ["real_cml.py", real] if real else ["cml.py"]
    command = shlex.join([sys.executable, str(DOUBLES / words[0]), *words[1:]])
    launcher = call.place.folder / "tools" / "launch-cml"
    launcher.parent.mkdir(exist_ok=True)
    launcher.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    launcher.chmod(0o755)
    linked(call, "cml", {"cml": launcher})


def attest(call: Call) -> None:
    """What would be signed: files or an image, with their hashes; nothing is signed."""
    asked = call.take(
        {
            "subject-path": "",
            "subject-name": "",
            "subject-digest": "",
            "sbom-path": "",
            "push-to-registry": "false",
            "create-storage-record": "true",
        }
    )
    if not call.place.job.token or not call.place.job.token.may("attestations", "write"):
        raise Failed("Resource not accessible by integration")
    if asked["sbom-path"]:
        json.loads((call.place.workspace / asked["sbom-path"]).read_text())
    if asked["subject-digest"]:
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", asked["subject-digest"]):
            raise Failed(f"Invalid digest {asked['subject-digest']}")
        call.say(f"{asked['subject-name']}: {asked['subject-digest']} {asked['sbom-path']}".strip())
        return
    found = sorted(call.place.workspace.glob(asked["subject-path"]))
    if not found:
        raise Failed(f"Could not find subject at path {asked['subject-path']}")
    for path in found:
        call.say(f"{path.name}: sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")


def linked(call: Call, name: str, programs: dict[str, Path]) -> Path:
    """A folder of programs, put first on the path."""
    folder = call.place.folder / "tools" / name
    folder.mkdir(parents=True, exist_ok=True)
    for program, target in programs.items():
        if not (folder / program).exists():
            (folder / program).symlink_to(target)
    call.place.path.insert(0, str(folder))
    return folder


STAND_INS: dict[str, Callable[[Call], None]] = {
    "actions/attest": attest,
    "actions/cache": cached.both,
    "actions/cache/restore": cached.restore,
    "actions/cache/save": cached.save,
    "actions/checkout": checkout,
    "actions/download-artifact": stored.download,
    "actions/setup-python": setup_python,
    "actions/upload-artifact": stored.upload,
    "anchore/sbom-action": images.bill,
    "astral-sh/setup-uv": setup_uv,
    "docker/build-push-action": images.build,
    "docker/login-action": images.login,
    "iterative/setup-cml": setup_cml,
}
