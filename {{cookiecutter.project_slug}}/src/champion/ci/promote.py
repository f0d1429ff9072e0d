"""Make a verified model the champion: the ledger, the objects, the tags, the release.

In this order, and each only if it is not there yet: whatever is killed in between, running it again
goes on where it stopped. Production is changed by one tag, after everything that it needs.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from champion import tracking
from champion.ci import deploy, record, revert, standing
from champion.ci.api import Api, NotFound
from champion.ci.issue import tell
from champion.ci.judged import PROMOTION, VERDICT
from champion.ci.outputs import write_output, write_summary
from champion.ci.verify import Promotion
from champion.errors import Refusal
from champion.judge import ledger, report
from champion.judge.champion import STAGE, tags
from champion.judge.ledger import Entry, Event
from champion.judge.paths import shaping
from champion.judge.verdict_file import read
from champion.project import MODEL
from champion.workspace import environment, objects
from champion.workspace.git import attempt, changed, git, resolve, show

RELEASE = Path(".champion/release")


def promote(api: Api) -> int:
    """Step `promote`."""
    it = Promotion(**json.loads(PROMOTION.read_text(encoding="utf-8")))
    git("config", "user.name", record.BOT)
    git("config", "user.email", record.MAIL)
    if it.refusal:
        return revert.refuse(api, it.model, f"The model {it.model[:10]} of {it.commit[:10]} is not "
                             f"promoted: {it.refusal}")  # fmt: skip
    if it.version:
        put_back(api, it)
    else:
        put_forward(api, it)
    write_output("commit", it.commit)
    write_output("version", it.version)
    deploy.start(api, "HEAD")
    if warning := tracking.promoted(it.version, it.commit, objects.find(it.model)):
        write_summary(f"⚠️ {warning}")
    return 0


def put_forward(api: Api, it: Promotion) -> None:
    """Promote the default branch's model."""
    it.verdict = it.verdict or judged_here(it)
    record.store()

    def entry(held: ledger.Ledger) -> Entry:
        version = standing.next_version(held, it.bump)
        free(version, it.commit)
        body = {"version": version, "commit": it.commit, "verdict": it.verdict}
        return Entry({**body, "model": it.model, "data": it.data, "run": record.this_run()})

    event = ledger.append("promotion", f"promotion/{it.model}/{it.verdict}", entry)
    take(event, it)
    tag(it.version, it.commit, event)
    release(api, it)
    write_output("released", "true")
    into_production(it.version, it.commit, event)
    write_summary(f"### 🏆 {it.version} is the champion\n\n`{it.commit}`")


def judged_here(it: Promotion) -> int:
    """Record the verdict that verify gave."""
    file = read(VERDICT)
    file["run"] = record.this_run()
    key = f"verdict/{it.commit}/{it.model}"
    return ledger.append("verdict", key, lambda held: record.entry(held, file)).number


def take(event: Event, it: Promotion) -> None:
    """Go on with the event of a run that was interrupted, if it is about what was verified.

    Raises
    ------
    Refusal : somebody else wrote it.
    """
    commit = event.body["commit"]
    same = all(event.body.get(name) == getattr(it, name) for name in ("model", "data", "verdict"))
    before = not attempt("merge-base", "--is-ancestor", commit, it.commit).returncode
    if not same or not before or shaping(changed(commit, it.commit)):
        raise Refusal(f"event {event.number} of the ledger promotes something else.", code=1)
    it.commit, it.version = commit, event.body["version"]


def put_back(api: Api, it: Promotion) -> None:
    """Make an earlier version the champion again, and propose that the branch follows."""
    reign = standing.reigns(ledger.current())[-1]
    event = reign
    if reign.body["version"] != it.version or it.renew:
        reason = os.environ.get("REASON", "").strip() or "no reason was given"
        body = {
            "version": it.version,
            "commit": it.commit,
            "reason": reason[:400],
            "run": record.this_run(),
        }
        key = f"rollback/{it.version}/{reign.number}"
        event = ledger.append("rollback", key, lambda _: Entry(body), os.environ["GITHUB_ACTOR"])
    into_production(it.version, it.commit, event)
    write_summary(f"### ⏪ {it.version} is the champion\n\n`{it.commit}`")
    title = f"Go back to {it.version}"
    why = event.body.get("reason") or "It was promoted last."
    number, said = revert.propose(api, f"revert/event-{event.number}", it.commit, title, why)
    write_summary(said)
    if said and not number:
        tell(api, title, f"{revert.shown(why)}\n\n{said}")


def free(version: str, commit: str) -> None:
    """Refuse a version whose tag somebody gave to another commit."""
    there = resolve(f"refs/tags/model@{version}")
    if there and there != commit:
        raise Refusal(
            f"the tag model@{version} names {there[:10]}, not {commit[:10]}: remove it, then run "
            "this again.",
            code=1,
        )


def tag(version: str, commit: str, event: Event) -> None:
    """Name the version, as GTO does.

    Raises
    ------
    Refusal : its tag names another commit, or origin does not take it.
    """
    free(version, commit)
    if not resolve(f"refs/tags/model@{version}"):
        gto("register", "model", commit, "--version", version, "--message", message(event))
        send(f"model@{version}")


def into_production(version: str, commit: str, event: Event) -> None:
    """Say by the newest tag of the stage what is in production: `dvc artifacts get` reads that."""
    if not (stage := production()) or resolve(f"refs/tags/{stage}") != commit:
        options = ("--version", version, "--stage", "production", "--message", message(event))
        gto("assign", "model", *options, "--force")  # also one that was in production before
        send(production())


def message(event: Event) -> str:
    return f"ledger: {ledger.commit_of(event)}"


def send(name: str) -> None:
    git("push", "--quiet", "--no-verify", "origin", f"refs/tags/{name}")


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


def release(api: Api, it: Promotion) -> None:
    """Publish the version with what it was judged by; what is there already stays."""
    name = f"model@{it.version}"
    event = ledger.current().events[it.verdict - 1]
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
    (RELEASE / "SHA256SUMS").write_text(sums, encoding="utf-8")
    try:
        made = api.get(f"releases/tags/{name}")
    except NotFound:
        body = {"tag_name": name, "target_commitish": it.commit, "name": name, "body": text}
        made = api.post("releases", body)
    have = set()
    for asset in made["assets"]:
        if asset["state"] == "uploaded":
            have.add(asset["name"])
        else:  # the upload was interrupted
            api.delete(f"releases/assets/{asset['id']}")
    for path in sorted(RELEASE.iterdir()):
        if path.name not in have:
            api.upload(made["upload_url"], path)
    print(f"Released {name}")
