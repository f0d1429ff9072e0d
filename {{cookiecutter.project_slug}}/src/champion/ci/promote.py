"""Make a verified model the champion: the ledger, the objects, the tags, the release.

In this order, and each only if it is not there yet: whatever is killed in between, running it again
goes on where it stopped. Production is changed by one tag, after everything that it needs.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from champion.ci import deploy, gate, record, revert, standing
from champion.ci.api import Api, NotFound
from champion.ci.judged import PROMOTION, VERDICT
from champion.ci.outputs import write_output, write_summary
from champion.ci.verify import Promotion
from champion.errors import Refusal
from champion.judge import ledger, report
from champion.judge.champion import STAGE, tags
from champion.judge.ledger import Entry, Event
from champion.judge.verdict_file import read
from champion.project import MODEL
from champion.workspace import environment, objects
from champion.workspace.git import git, resolve, show

RELEASE = Path(".champion/release")


def promote(api: Api) -> int:
    """Step `promote`."""
    it = Promotion(**json.loads(PROMOTION.read_text(encoding="utf-8")))
    git("config", "user.name", record.BOT)
    git("config", "user.email", record.MAIL)
    if it.refusal:
        return revert.refuse(api, it.commit, it.model, it.refusal)
    event = put_back(it) if it.version else put_forward(it)
    why = standing.doubt(api, event, os.environ["BASE"])
    if why:
        raise Refusal(f"event {event.number} of the ledger is not believed: {why}.", code=1)
    it.commit = event.body.get("commit", it.commit)  # of a run that was interrupted
    version = event.body["version"]
    tag(it.commit, version, event)
    write_output("version", version)
    write_output("commit", it.commit)
    write_summary(f"### 🏆 {version} is the champion\n\n`{it.commit}`")
    if event.kind == "promotion":
        release(api, it, version)
        write_output("released", "true")
    else:
        write_summary(revert.propose(api, it.commit, f"Go back to {version}", event.body["reason"]))
    judge_waiting(api)
    deploy.start(api, "HEAD")
    return 0


def put_forward(it: Promotion) -> Event:
    """Record that the default branch's model is promoted."""
    if not it.verdict:
        it.verdict = judged_first(it)
    record.store()

    def entry(held: ledger.Ledger) -> Entry:
        version = standing.next_version(held, it.bump)
        body = {"version": version, "commit": it.commit, "verdict": it.verdict}
        return Entry({**body, "model": it.model, "data": it.data, "run": record.this_run()})

    return ledger.append("promotion", f"promotion/{it.model}/{it.verdict}", entry)


def judged_first(it: Promotion) -> int:
    """Record the verdict that verify gave."""
    file = read(VERDICT)
    file["run"] = record.this_run()
    key = f"verdict/{it.commit}/{it.model}"
    return ledger.append("verdict", key, lambda held: record.entry(held, file)).number


def put_back(it: Promotion) -> Event:
    """Record that an earlier version is the champion again."""
    reason = os.environ.get("REASON", "").strip() or "no reason was given"
    body = {"version": it.version, "reason": reason[:400], "run": record.this_run()}
    key = f"rollback/{os.environ['GITHUB_RUN_ID']}"
    return ledger.append("rollback", key, lambda _: Entry(body), os.environ["GITHUB_ACTOR"])


def tag(commit: str, version: str, event: Event) -> None:
    """Name the version, and put it into production, as GTO does: `dvc artifacts get` reads that.

    Raises
    ------
    Refusal : the version's tag names another commit, or origin does not take the tags.
    """
    name = f"model@{version}"
    message = f"ledger: {ledger.commit_of(event)}"
    there = resolve(f"refs/tags/{name}")
    if there and there != commit:
        raise Refusal(
            f"the tag {name} names {there[:10]}, not {commit[:10]}: remove it, then run this again.",
            1,
        )
    if not there:
        gto("register", "model", commit, "--version", version, "--message", message)
    if not (stage := production()) or resolve(f"refs/tags/{stage}") != commit:
        options = ("--version", version, "--stage", "production", "--message", message)
        gto("assign", "model", *options, "--force")  # also one that was in production before
    git(
        "push", "--quiet", "--no-verify", "origin", f"refs/tags/{name}", f"refs/tags/{production()}"
    )


def production() -> str:
    """The tag that says what is in production; empty if there is none."""
    found = [(int(known[2]), one) for one in tags() if (known := STAGE.fullmatch(one))]
    return max(found)[1] if found else ""


def gto(*arguments: str) -> None:
    done = subprocess.run(
        [str(environment.find().bin / "gto"), *arguments],
        capture_output=True, encoding="utf-8", env=environment.find().variables(),
    )  # fmt: skip
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise Refusal(f"gto {arguments[0]} failed: {lines[-1]}", code=1)


def release(api: Api, it: Promotion, version: str) -> None:
    """Publish the version with what it was judged by; what is there already stays."""
    name = f"model@{version}"
    event = next(e for e in ledger.current().events if e.number == it.verdict)
    base = (
        f"{os.environ['GITHUB_SERVER_URL']}/{api.name}/raw/{ledger.BRANCH}/files/{event.number:06}"
    )
    text = report.as_markdown(event.body, base)
    files = {
        "dvc.lock": show(it.commit, "dvc.lock").encode(),
        "report.md": text.encode(),
        "verdict.json": ledger.written(event.body),
    }
    shutil.rmtree(RELEASE, ignore_errors=True)
    RELEASE.mkdir(parents=True)
    shutil.copyfile(objects.find(it.model), RELEASE / MODEL.name)
    for file, content in files.items():
        (RELEASE / file).write_bytes(content)
    sums = "".join(f"{objects.sha256(path)}  {path.name}\n" for path in sorted(RELEASE.iterdir()))
    (RELEASE / "SHA256SUMS").write_text(sums)
    try:
        made = api.get(f"releases/tags/{name}")
    except NotFound:
        body = {"tag_name": name, "target_commitish": it.commit, "name": name, "body": text}
        made = api.post("releases", body)
    have = {asset["name"] for asset in made["assets"]}
    for path in sorted(RELEASE.iterdir()):
        if path.name not in have:
            api.upload(made["upload_url"], path)
    print(f"Released {name}")


def judge_waiting(api: Api) -> None:
    """Let the pull requests be judged that had to wait for this promotion."""
    for pull in api.pages("pulls", state="open", base=os.environ["BASE"]):
        given = gate.statuses(api, pull["head"]["sha"])
        if given and given[0].text.startswith(f"{gate.NOT_JUDGED}promotion pending"):
            inputs: dict[str, Any] = {"pull_request": str(pull["number"])}
            body = {"ref": os.environ["BASE"], "inputs": inputs}
            api.post("actions/workflows/judge.yml/dispatches", body)
            print(f"#{pull['number']} is judged now")
