"""An image of a version: the model with its own package, and the service of this working tree."""

import argparse
import shutil
import subprocess
from pathlib import Path

from champion.errors import Refusal
from champion.judge.champion import Champion, data_of
from champion.project import SOURCE
from champion.serve.released import released, unpack
from champion.serve.server import LOCK
from champion.workspace.git import attempt

CONTEXT = Path(".champion/image")
DOCKERFILE = Path("deploy/Dockerfile")
PROGRAMS = ("docker", "podman", "buildah")  # whose `build` reads a Dockerfile


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", help="such as v1.1.0; default: the one in production")
    parser.add_argument("--name", default=Path.cwd().name.lower(), help="default: the folder's")
    parser.add_argument("--base", help="another base image with the same Python, a mirror's")
    parser.add_argument("--with", dest="program", choices=PROGRAMS, help="default: the first found")


def run(arguments: argparse.Namespace) -> int:
    program = arguments.program or next((it for it in PROGRAMS if shutil.which(it)), None)
    if not program:
        raise Refusal(f"none of {', '.join(PROGRAMS)} is here: install one, or let CI build.")
    champion = released(arguments.version)
    assemble(champion)
    given = {**described(champion), **({"BASE": arguments.base} if arguments.base else {})}
    name = f"{arguments.name}:{champion.version or champion.commit[:7]}"
    command = [program, "build", "--file", str(DOCKERFILE), "--tag", name]
    if program != "docker":
        command += ["--format", "docker"]  # the other one knows no health check
    for key, value in given.items():
        command += ["--build-arg", f"{key}={value}"]
    if subprocess.run([*command, str(CONTEXT)]).returncode:
        raise Refusal(f"{program} could not build the image, see above.", code=1)
    print(f"Built {name}; `docker run --rm --read-only --tmpfs /tmp -p 8080:8080 {name}` serves it")
    return 0


def assemble(champion: Champion) -> None:
    """Make the folder that an image is built from; nothing else can get into the image."""
    if not DOCKERFILE.is_file():
        raise Refusal(f"there is no {DOCKERFILE}: this project was made without deployment.")
    shutil.rmtree(CONTEXT, ignore_errors=True)
    model = CONTEXT / "model"
    model.mkdir(parents=True)
    unpack(champion, model)
    shutil.rmtree(model / SOURCE / "champion", ignore_errors=True)  # the engine of that time
    engine = CONTEXT / "engine/champion"
    shutil.copytree(SOURCE / "champion", engine, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(LOCK, CONTEXT / LOCK)
    for compiled in list(CONTEXT.rglob("__pycache__")):  # of the code that was asked about itself
        shutil.rmtree(compiled)


def described(champion: Champion) -> dict[str, str]:
    """The arguments of the Dockerfile that become labels."""
    origin = attempt("remote", "get-url", "origin").stdout.strip()
    return {
        "VERSION": champion.version or champion.commit[:7],
        "COMMIT": champion.commit,
        "DATA": data_of(champion.commit),
        "SOURCE": origin.removesuffix(".git") if origin.startswith("https://") else "",
    }
