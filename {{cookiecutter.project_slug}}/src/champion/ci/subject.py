"""What a run of judge.yml is about: which commit of which pull request, and how far it may go.

Runs before anything is installed: standard library only. The event says which run of train.yml has
ended; everything else is asked of the API or of Git, never read from what that run left.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from champion.ci import owners, recorded
from champion.ci.api import Api, NotFound
from champion.ci.artifact import FOLDER, NAME, Hostile, download, unpack
from champion.ci.outputs import write_output
from champion.ci.recorded import ADOPTS
from champion.errors import Refusal
from champion.judge import claims
from champion.judge.paths import owned, policy, shaping, tests, trains
from champion.workspace import remote
from champion.workspace.environment import typed
from champion.workspace.git import changed, git, resolve, show, touched

TRAIN = ".github/workflows/train.yml"
ENDED = {
    "cancelled": "training was cancelled or ran out of time: start it again",
    "timed_out": "training ran out of time: start it again",
    "startup_failure": "train.yml is not valid",
}
QUEUED = re.compile(r"gh-readonly-queue/.+/pr-(\d+)-[0-9a-f]{40}")
TRAINED = re.compile(r"^  train:\n((?:    .*\n)*)", re.MULTILINE)  # what dvc.lock says of the stage
MODEL = re.compile(
    r"^    - path: model\.skops\n +hash: md5\n +md5: '?([0-9a-f]{32})'?$", re.MULTILINE
)
PRODUCTION = "refs/tags/model#production#*"
STAGE = re.compile(r"refs/tags/model#production#[0-9]+")
GATE = "gate.yaml"
PENDING = "promotion pending"
NO_REACH = "No change: nothing that reaches the model"
BACK = "No change: back to what is in production"


@dataclass
class Subject:
    """What is judged.

    Parameters
    ----------
    sha : the commit that gets the status.
    state, why : of the status, where that is known already; else empty.
    step : what is left to do: judge, queue (only compare with the ledger), or nothing.
    pull : the number of the pull request.
    branch : the branch of a pull request of this repository; empty of a fork's.
    run : id, attempt and address of the run of train.yml.
    policy : improve, maintain or override.
    by, reason : who asked for another policy than the usual one, and why.
    owned : what it changes that says how models are judged or run.
    holds : why it must not be merged, whatever the verdict.
    """

    sha: str = ""
    state: str = ""
    why: str = ""
    step: str = ""
    pull: int = 0
    branch: str = ""
    run: dict[str, Any] = field(default_factory=dict)
    policy: str = "improve"
    by: str = ""
    reason: str = ""
    owned: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)

    def settle(self, why: str, state: str = "failure") -> "Subject":
        """It is not judged: the status is known."""
        self.state, self.why, self.step = state, why, ""
        return self

    def heed(self, word: recorded.Word | None) -> None:
        """Be judged as somebody asked for its commit; an override is of what was judged then."""
        if word and word.policy == "maintain":
            self.policy, self.by, self.reason = word.policy, word.by, word.reason

    @classmethod
    def of_job(cls) -> "Subject | None":
        """What the job before found; None if it found nothing, or broke."""
        text = os.environ.get("SUBJECT", "")
        return cls(**json.loads(text)) if text else None


def find(api: Api) -> int:
    """Step `find`."""
    subject = found(api, event())
    if subject:
        print(f"{subject.step or subject.state}: {subject.why or subject.sha}")
        write_output("subject", json.dumps(asdict(subject)))
        write_output("step", subject.step)
    else:
        print("No open pull request into the default branch has this commit: nothing to do.")
    return 0


def event() -> dict[str, Any]:
    """The event that started this workflow."""
    found: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())
    return found


def found(api: Api, event: dict[str, Any]) -> Subject | None:
    """Find the pull request, and decide whether its model is to be judged."""
    if os.environ["GITHUB_EVENT_NAME"] == "workflow_dispatch":
        return by_hand(api, event)
    followed = event["workflow_run"]
    if followed["path"].partition("@")[0] != TRAIN:
        return Subject(sha=followed["head_sha"]).settle(
            "a workflow in another file calls itself train: give it another name"
        )
    if followed["event"] == "merge_group":
        return queued(api, followed)
    pull = pull_of(api, followed, event["repository"]["default_branch"])
    if not pull:
        return None
    subject = started(pull, followed, api.name)
    subject.sha = followed["head_sha"]
    conclusion = followed["conclusion"]
    if conclusion == "action_required":
        return subject.settle("a maintainer has to approve the run of train", "pending")
    if conclusion not in ("success", "failure"):
        return subject.settle(ENDED.get(conclusion, f"training ended as {conclusion}"))
    return examined(api, pull, subject, conclusion == "success")


def pull_of(api: Api, followed: dict[str, Any], base: str) -> dict[str, Any] | None:
    """The open pull request into the default branch that has a run's commit as its head.

    Or as the parent of the head that the judge committed before it was interrupted.
    """
    owner = (followed["head_repository"] or {}).get("owner", {}).get("login", "")
    head = f"{owner}:{followed['head_branch']}"
    found = list(api.pages("pulls", state="open", base=base, head=head))
    sha = followed["head_sha"]
    for pull in found:
        if pull["head"]["sha"] == sha:
            return pull
    for pull in found:
        commit = api.get(f"commits/{pull['head']['sha']}")
        adopts = commit["commit"]["message"] == ADOPTS
        if adopts and [parent["sha"] for parent in commit["parents"]] == [sha]:
            return pull
    return None


def started(pull: dict[str, Any], followed: dict[str, Any], name: str) -> Subject:
    repository = (pull["head"]["repo"] or {}).get("full_name")
    return Subject(
        sha=pull["head"]["sha"],
        pull=pull["number"],
        branch=pull["head"]["ref"] if repository == name else "",
        run={
            "id": followed["id"],
            "attempt": followed["run_attempt"],
            "url": followed["html_url"],
        },
    )


def by_hand(api: Api, event: dict[str, Any]) -> Subject:
    """What a person asks for: judge again, or by another policy.

    Raises
    ------
    Refusal : there is no such pull request, it was not trained, or the person may not.
    """
    asked = event["inputs"]
    wanted, reason = asked.get("policy"), (asked.get("reason") or "").strip()
    number = str(asked["pull_request"]).strip().removeprefix("#")
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise Refusal("pull_request must be the number of a pull request, such as 7.")
    pull = api.get(f"pulls/{number}")
    if pull["state"] != "open" or pull["base"]["ref"] != event["repository"]["default_branch"]:
        raise Refusal(f"#{number} is no open pull request into the default branch.", code=1)
    runs = api.pages(
        "actions/workflows/train.yml/runs", "workflow_runs", head_sha=pull["head"]["sha"]
    )
    ended = [run for run in runs if run["status"] == "completed" and run["event"] != "merge_group"]
    if not ended:
        raise Refusal(f"train has not run for #{number}'s newest commit: start it first.", code=1)
    latest = max(ended, key=lambda run: (run["run_started_at"], run["id"]))
    subject = started(pull, latest, api.name)
    subject.by = os.environ["GITHUB_TRIGGERING_ACTOR"]
    if wanted in ("maintain", "override"):
        if not reason:
            raise Refusal(f"policy {wanted} needs a reason: it is recorded.")
        subject.policy, subject.reason = wanted, reason[:400]
    if wanted == "override":
        seen, head = str(asked.get("commit") or "").strip().lower(), pull["head"]["sha"]
        if not re.fullmatch("[0-9a-f]{7,40}", seen) or not head.startswith(seen):
            raise Refusal(
                f"an override is of one commit, that you looked at: name it. The newest of #{number} is "
                f"{head[:10]}."
            )
        for who in {subject.by, os.environ["GITHUB_ACTOR"]}:
            if not owners.is_owner(api, who, [GATE]):
                raise Refusal(f"{who} may not override: {owners.OWNER} of {GATE} may.", 1)
    return examined(api, pull, subject, latest["conclusion"] == "success")


def examined(api: Api, pull: dict[str, Any], subject: Subject, passed: bool) -> Subject:
    """Settle what needs no judge; fetch what training left for the rest."""
    if pull["draft"]:
        return subject.settle("it is a draft: mark it as ready for review")
    tip = git("rev-parse", "HEAD")  # the default branch's: this workflow runs on it
    git(
        "fetch",
        "--quiet",
        "--no-tags",
        "--filter=blob:none",
        "origin",
        f"refs/pull/{subject.pull}/head",
    )
    if not resolve(subject.sha):
        return subject.settle("the branch has moved on: its newest commit will be judged")
    comparison = api.get(f"compare/{tip}...{subject.sha}", per_page=1)
    if comparison["status"] not in ("ahead", "identical"):
        return subject.settle(
            f"the default branch has moved on: update the branch ({typed('update')})"
        )
    paths = changed(tip, subject.sha)
    if trains(paths) and not subject.reason:
        commits = recorded.judged_as(api, subject.sha)
        subject.heed(recorded.word(api, commits, pull["base"]["ref"]))
    subject.owned = owned(sorted({*paths, *touched(subject.sha, tip)}))
    if (
        subject.owned
        and subject.policy != "override"
        and not owners.agreed(api, pull, subject.sha, subject.branch, subject.owned)
    ):
        subject.holds.append(
            f"It changes how models are judged or run: {owners.OWNER} has to approve it; then re-run "
            "judge."
        )
    if not passed and tests(paths) and not subject.branch and not remote.on_branch():
        return subject.settle(
            "the large files are in a cloud, which no fork can read: a maintainer runs "
            f"`make adopt PR={subject.pull}`"
        )
    if not trains(paths):
        return unchanged(subject, passed)
    if restores(subject.sha, paths):
        return unchanged(subject, passed, BACK)
    if model := pending():
        return subject.settle(f"{PENDING}: the merged model {model[:10]} is not in production yet")
    if subject.policy == "improve":
        subject.policy = policy(paths)
    try:
        there = fetch(api, subject.run["id"])
    except Hostile as hostile:
        return subject.settle(str(hostile))
    if not passed and not (there and claims.findings(FOLDER / "reports", "errors")):
        return subject.settle("training or a check of the branch failed: see train")
    if not there:
        return subject.settle("training left no results: start it again")
    subject.step = "judge"  # of bad data it tells what is bad
    return subject


def restores(sha: str, paths: list[str]) -> bool:
    """Whether a commit takes the default branch back to what is in production: that was judged."""
    tags = in_production()
    return bool(tags) and trains(paths) and not shaping(changed(f"{tags[0]}^{{commit}}", sha))


def in_production() -> list[str]:
    """The tags that say what is, and was, in production; the newest first."""
    listed = git("for-each-ref", "--sort=-version:refname", "--format=%(refname)", PRODUCTION)
    return [tag for tag in listed.split() if STAGE.fullmatch(tag) and resolve(tag)]


def unchanged(subject: Subject, passed: bool, text: str = NO_REACH) -> Subject:
    """Nothing is to be judged."""
    if not passed:
        return subject.settle("the checks of the branch failed: see train")
    if subject.holds:
        return subject.settle(subject.holds[0])
    return subject.settle(text, "success")


def pending() -> str:
    """The default branch's model, where it was merged and was never promoted."""
    if not (tags := in_production()):
        return ""  # before the first promotion the default branch's model is the champion
    promoted = git("for-each-ref", "--format=%(refname)", "refs/tags/model@v*").split()
    known = {model_of(tag) for tag in (*promoted, *tags)}
    model = model_of("HEAD")
    return "" if model in known else model


def model_of(reference: str) -> str:
    """The hash of a commit's model; empty if it has none."""
    return locked_model(show(f"{reference}^{{commit}}", "dvc.lock"))


def locked_model(text: str) -> str:
    """The hash of the model that the stage `train` of a dvc.lock makes, read without YAML."""
    stage = TRAINED.search(text)
    found = MODEL.search(stage[1].partition("    outs:\n")[2]) if stage else None
    return found[1] if found else ""


def fetch(api: Api, run_id: int) -> bool:
    """Fetch and check what a run of train.yml left; False if there is nothing.

    Raises
    ------
    Hostile : it is not what it should be.
    """
    listed = api.pages(f"actions/runs/{run_id}/artifacts", "artifacts")
    kept = [it["id"] for it in listed if it["name"] == NAME and not it["expired"]]
    if not kept:
        return False
    archive = FOLDER.with_suffix(".zip")
    try:
        with api.open(f"actions/artifacts/{max(kept)}/zip") as source:
            download(source, archive)
    except NotFound:
        return False
    unpack(archive, FOLDER)
    archive.unlink()
    return True


def queued(api: Api, followed: dict[str, Any]) -> Subject:
    """A commit of the merge queue: nothing is trained or spent on it."""
    subject = Subject(sha=followed["head_sha"])
    subject.run = {
        "id": followed["id"],
        "attempt": followed["run_attempt"],
        "url": followed["html_url"],
    }
    named = QUEUED.fullmatch(followed["head_branch"] or "")
    if followed["conclusion"] not in ("success", "skipped") or not named:
        return subject.settle("the queue's run of train did not succeed")
    subject.pull = int(named[1])
    tip = git("rev-parse", "HEAD")
    git("fetch", "--quiet", "--no-tags", "--filter=blob:none", "origin", subject.sha)
    head = api.get(f"pulls/{subject.pull}")["head"]["sha"]
    git(
        "fetch",
        "--quiet",
        "--no-tags",
        "--filter=blob:none",
        "origin",
        f"refs/pull/{subject.pull}/head",
    )
    if trains(changed(head, subject.sha)):
        return subject.settle(
            "the default branch has moved on: update the branch, then queue it again"
        )
    paths = changed(tip, subject.sha)
    if not trains(paths):
        return subject.settle(NO_REACH, "success")
    if restores(subject.sha, paths):
        return subject.settle(BACK, "success")
    if model := pending():
        return subject.settle(f"{PENDING}: the merged model {model[:10]} is not in production yet")
    subject.step = "queue"
    return subject


def look(_: Api) -> int:
    """Step `look`: whether the default branch's model is another one than that in production."""
    model = model_of("HEAD")
    tags = in_production()
    same = bool(tags) and model_of(tags[0]) == model
    write_output("other", str(bool(model) and not same).lower())
    print(f"Model {model[:10] or '(none)'}: {'in production' if same else 'not in production'}")
    return 0
