"""A stage of a Kubernetes cluster, through kubectl."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from champion.errors import Refusal, shown

OVERLAYS = Path("deploy/kubernetes")
FOLDER = Path(".champion/cluster")
IMAGE = "model"  # what the manifests call it, and its container
PATIENCE = "6m"  # for the new pods to be ready
FORWARDED = re.compile(r"Forwarding from (127\.0\.0\.1:\d+)")


class Unready(Refusal):
    """What was applied does not get ready, or is not reached; exit code 1."""


@dataclass(frozen=True)
class Stage:
    """Production, or what is asked before it.

    name : of its overlay.
    suffix : of the names of what that makes.
    """

    name: str
    suffix: str = ""

    @property
    def deployment(self) -> str:
        return f"deployment/model{self.suffix}"

    def running(self) -> str:
        """The image that it was last told to run; empty if it is new."""
        path = "jsonpath={.spec.template.spec.containers[0].image}"
        return kubectl("get", self.deployment, "--ignore-not-found", "--output", path).strip()

    def bring(self, image: str) -> None:
        """Apply its overlay with an image, and wait.

        Raises
        ------
        Unready : its pods do not get ready.
        Refusal : the cluster is not reached, or refuses.
        """
        kubectl("apply", "--kustomize", str(self.written(image)))
        self.wait()

    def put_back(self, image: str) -> None:
        """Let it run an image that it ran before, and wait."""
        kubectl("set", "image", self.deployment, f"{IMAGE}={image}")
        self.wait()

    def wait(self) -> None:
        try:
            kubectl("rollout", "status", self.deployment, f"--timeout={PATIENCE}")
        except Refusal as refusal:
            raise Unready(str(refusal), code=1) from refusal

    def written(self, image: str) -> Path:
        """A folder for kustomize: the overlay, with that image (NAME@DIGEST)."""
        if not (OVERLAYS / self.name).is_dir():
            raise Refusal(f"there is no {OVERLAYS / self.name}: generate with deploy=kubernetes.")
        name, _, digest = image.partition("@")
        folder = FOLDER / self.name
        folder.mkdir(parents=True, exist_ok=True)
        overlay = os.path.relpath(OVERLAYS / self.name, folder)
        (folder / "kustomization.yaml").write_text(
            f"resources: [{overlay}]\n"
            f"images: [{{name: {IMAGE}, newName: {name}, digest: {digest}}}]\n"
        )
        return folder

    @contextlib.contextmanager
    def forwarded(self) -> Iterator[str]:
        """Inside, the stage is at this address."""
        command = ["kubectl", "port-forward", f"service/model{self.suffix}", ":80"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        ) as process:
            try:
                assert process.stdout
                for line in process.stdout:
                    if found := FORWARDED.match(line):
                        yield f"http://{found[1]}"
                        return
                raise Unready(f"service/model{self.suffix} is not reached.", code=1)
            finally:
                process.terminate()


STAGES = (Stage("staging", "-staging"), Stage("production"))


def kubectl(*arguments: str) -> str:
    """What it prints.

    Raises
    ------
    Refusal : it fails; with its last words.
    """
    done = subprocess.run(["kubectl", *arguments], capture_output=True, encoding="utf-8")
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise Refusal(f"kubectl {arguments[0]} failed: {shown(words[-1])}", code=1)
    return done.stdout


@contextlib.contextmanager
def credentials(config: str, namespace: str) -> Iterator[None]:
    """Inside, kubectl asks the cluster that a kubeconfig names, in a namespace."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = (FOLDER / "config").absolute()
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(config)
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = str(path)
    try:
        kubectl("config", "set-context", "--current", f"--namespace={namespace}")
        yield
    finally:
        path.unlink()
        os.environ.pop("KUBECONFIG")
        if before is not None:
            os.environ["KUBECONFIG"] = before
