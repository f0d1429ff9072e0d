"""Actions about images, on the registry of doubles that the variable DOUBLE_REGISTRY names."""

import json
import re
import sys
from pathlib import Path

from .call import Call
from .errors import Failed

DOUBLES = Path(__file__).resolve().parents[1] / "doubles"
sys.path.insert(0, str(DOUBLES))

from registry import Registry  # noqa: E402


def registry(call: Call) -> Registry:
    return Registry(Path(call.variables["DOUBLE_REGISTRY"]))


def login(call: Call) -> None:
    """The job's token is let in, if it may write packages."""
    asked = call.take({"registry": "docker.io", "username": "", "password": ""})
    token = call.place.job.token
    if not token or asked["password"] != token.value or not token.may("packages", "write"):
        raise Failed(f"Error response from daemon: Get https://{asked['registry']}/v2/: denied")
    registry(call).log_in(asked["registry"])


def build(call: Call) -> None:
    """Keep what the Dockerfile copies; nothing is built."""
    asked = call.take(
        {
            "context": ".",
            "file": "Dockerfile",
            "build-args": "",
            "tags": "",
            "load": "false",
            "provenance": "true",
        }
    )
    if asked["load"] != "true" or asked["provenance"] != "false":
        raise Failed("docker exporter does not currently support exporting manifest lists")
    lines = (call.place.workspace / asked["file"]).read_text().splitlines()
    context = call.place.workspace / asked["context"]
    copied = [line.split()[1] for line in lines if re.match(r"COPY (?!--from)", line)]
    known = {name for line in lines if line.startswith("ARG ") for name in line[4:].split()}
    given = dict(line.split("=", 1) for line in asked["build-args"].splitlines())
    if unknown := set(given) - {name.partition("=")[0] for name in known}:
        raise Failed(f"[Warning] One or more build-args {unknown} were not consumed")
    digest = registry(call).build(asked["tags"], context, copied, given)
    call.step.outputs["imageid"] = f"sha256:{digest}"


def bill(call: Call) -> None:
    """A bill of materials with the names of the image's files."""
    asked = call.take(
        {
            "image": "",
            "format": "",
            "output-file": "",
            "upload-artifact": "true",
            "upload-release-assets": "true",
        }
    )
    image = registry(call).pushed(asked["image"].rpartition("sha256:")[2])
    files = sorted(path.relative_to(image).as_posix() for path in image.rglob("*"))
    content = {"spdxVersion": "SPDX-2.3", "name": asked["image"], "files": files}
    (call.place.workspace / asked["output-file"]).write_text(json.dumps(content))
