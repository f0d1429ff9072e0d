"""Bring the version in production to where its users are: an image, then the cluster.

`deploy.yml` always deploys what the production tag names, and every step can be run again. Where a
deployed model does not say what was judged, its stage gets back what it had, and promote.yml is told
to put the version before into production: that records it, and deploys it.
"""

import os
import subprocess
import time
from pathlib import Path

from champion.ci import production
from champion.ci.api import Api, NotFound
from champion.ci.confirm import DEPLOY, is_ours, path_of
from champion.ci.outputs import write_output, write_summary
from champion.deploy import cluster, image, smoke
from champion.errors import Refusal, shown
from champion.judge import ledger
from champion.judge.champion import Champion, find
from champion.workspace.git import show

REGISTRY = "ghcr.io"
SBOM = Path(".champion/sbom.spdx.json")
START = 120.0  # seconds for a container to be ready
ENDING = 90.0  # seconds for the pods before to be gone
REIGN = ("promotion", "rollback")


def start(api: Api, commit: str) -> None:
    """Let deploy.yml run, where the project has one."""
    if show(commit, DEPLOY):
        body = {"ref": os.environ["BASE"], "inputs": {}}
        api.post("actions/workflows/deploy.yml/dispatches", body)


def live(api: Api | None = None) -> Champion:
    """The version in production; with the API, if that is confirmed."""
    champion = production.confirmed(api, ledger.current()) if api else find()
    if not champion or not champion.version:
        raise Refusal("no version is in production yet: promote.yml puts one there.")
    return champion


# the image


def package(api: Api) -> int:
    """Step `package`: what the image is made of; whether it is there already."""
    champion = live(api)
    name = f"{REGISTRY}/{api.name.lower()}:{champion.version}"
    image.assemble(champion)
    source = f"{os.environ['GITHUB_SERVER_URL']}/{api.name}"
    labels = {**image.described(champion), "SOURCE": source}
    write_output("name", name)
    write_output("version", str(champion.version))
    write_output("arguments", "\n".join(f"{key}={value}" for key, value in labels.items()))
    if not subprocess.run(["docker", "pull", "--quiet", name]).returncode:
        if is_published(api, kept(champion, digest_of(name)[1])):
            write_output("there", "true")
        else:
            print(f"{name} is there, and no run of deploy is known that published it: it is built")
    return 0


def kept(champion: Champion, digest: str) -> str:
    """The name of the artifact by which an image's publication is known."""
    return f"image-{champion.version}-{digest.removeprefix('sha256:')}"


def is_published(api: Api, name: str) -> bool:
    """Whether this workflow published an image: everybody who can push can put one there."""
    for artifact in api.pages("actions/artifacts", "artifacts", name=name):
        run = api.get(f"actions/runs/{artifact['workflow_run']['id']}")
        if path_of(run) == DEPLOY and is_ours(run, os.environ["BASE"]):
            return True
    return False


def ship() -> int:
    """Step `ship`: ask it, as users will run it; push it, if it was built here."""
    name = os.environ["NAME"]
    champion = live()
    ask(name, champion)
    if os.environ.get("BUILT"):
        docker("push", "--quiet", name)
    repository, digest = digest_of(name)
    write_output("repository", repository)
    write_output("digest", digest)
    write_output("kept", kept(champion, digest))
    run = f"docker run --publish 8080:8080 {repository}@{digest}"
    write_summary(f"### 📦 {champion.version}\n\n`{run}`")
    return 0


def digest_of(name: str) -> tuple[str, str]:
    """The repository and the digest of an image that was pulled or pushed."""
    reference = docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", name).strip()
    repository, _, digest = reference.partition("@")
    return repository, digest


def ask(name: str, champion: Champion) -> None:
    """Run an image with no right that it does not need, and ask it what was judged."""
    options = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
    container = docker(
        "run", "--detach", *options, "--security-opt", "no-new-privileges",
        "--publish", "127.0.0.1::8080", name,
    ).strip()  # fmt: skip
    try:
        place = docker("port", container, "8080/tcp").splitlines()[0]
        wait(f"http://{place}")
        rows = smoke.ask(f"http://{place}", champion)
        print(f"{name} says of {rows:,} rows of the holdout what was judged")
    except Refusal:
        print(docker("logs", container))
        raise
    finally:
        docker("rm", "--force", container)


def wait(url: str) -> None:
    """Until a service is ready."""
    ends = time.monotonic() + START
    while True:
        try:
            smoke.request(url, "/health/ready")
            return
        except smoke.Differs:
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, encoding="utf-8")
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["no reason given"]
        raise Refusal(f"docker {arguments[0]} failed: {shown(words[-1])}", code=1)
    return done.stdout


def sbom(api: Api) -> int:
    """Step `sbom`: what is in the image that was built, beside the model in its release."""
    try:
        release = api.get(f"releases/tags/model@{live().version}")
    except NotFound:
        print("This version has no release")
        return 0
    for asset in release["assets"]:
        if asset["name"] == SBOM.name:  # of an image that this one takes the place of
            api.delete(f"releases/assets/{asset['id']}")
    api.upload(release["upload_url"], SBOM)
    return 0


# the cluster


def deploy(api: Api) -> int:
    """Step `deploy`: staging, then production; where one answers wrongly, the version before."""
    champion, version = live(api), os.environ["VERSION"]
    if champion.version != version:
        print(f"{champion.version} is in production by now: its own run deploys it")
        return 0
    image, config = os.environ["IMAGE"], os.environ.get("KUBE_CONFIG")
    if not config:
        raise Refusal("the secret KUBE_CONFIG of the environment production is not set.")
    with cluster.credentials(config, os.environ["KUBE_NAMESPACE"]):
        for stage in cluster.STAGES:
            before = stage.running()
            try:
                stage.bring(image)
                rows = asked(stage, champion)
            except (cluster.Unready, smoke.Differs) as why:
                return go_back(api, stage, before, f"{version} in {stage.name}: {why}")
            print(f"{stage.name} says of {rows:,} rows of the holdout what was judged", flush=True)
    write_summary(f"### 🚀 {version} is deployed\n\n`{image}`")
    return 0


def asked(stage: cluster.Stage, champion: Champion) -> int:
    """Ask a stage what was judged; how many rows. Pods that are about to end may answer at first."""
    ends = time.monotonic() + ENDING
    while True:
        try:
            with stage.forwarded() as url:
                return smoke.ask(url, champion)
        except smoke.AnotherVersion:
            if time.monotonic() > ends:
                raise
            time.sleep(2)


def go_back(api: Api, stage: cluster.Stage, before: str, why: str) -> int:
    """Give a stage back what it had, and let promote.yml put the version before in place."""
    print(why)
    said = f"### 🚫 Not deployed\n\n{why}"
    if before and before != os.environ["IMAGE"]:  # the run before this one was killed
        try:
            stage.put_back(before)
            said += f"\n\n{stage.name} has `{before}` again."
        except Refusal as refusal:
            said += f"\n\n{stage.name} could not be given `{before}` again: {refusal}"
    reigns = [it for it in ledger.read(ledger.newest()[0]).events if it.kind in REIGN]
    if len(reigns) > 1 and reigns[-1].kind == "promotion":
        version = reigns[-2].body["version"]
        body = {"ref": os.environ["BASE"], "inputs": {"version": version, "reason": why[:400]}}
        api.post("actions/workflows/promote.yml/dispatches", body)
        said += f"\n\n{version} is put back into production."
    else:  # a version that was put back, or the first: none is known to be better
        said += "\n\nThere is no version to go back to: look at the cluster, then run this again."
    write_summary(said)
    return 1
