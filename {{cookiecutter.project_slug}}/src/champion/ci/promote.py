"""Make a verified model the champion: the ledger, the objects, the tags, the release.

In this order, and each only if it is not there yet: whatever is killed in between, running it again
goes on where it stopped. Production is changed by one tag, after everything that it needs.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path

from champion import tracking
from champion.card.completed import ASSETS, completed
from champion.ci import deploy, production, record, revert, standing
from champion.ci.api import Api, NotFound
from champion.ci.confirm import holds
from champion.ci.issue import tell
from champion.ci.judged import PROMOTION, VERDICT
from champion.ci.lock import parsed, pointed
from champion.ci.outputs import write_output, write_summary
from champion.ci.people import people
from champion.ci.standing import next_version
from champion.ci.verify import (
    Promotion,
    Unfit,
    asked_by_owner,
    bump,
    in_production,
    promotion_of,
    search,
)
from champion.errors import Refusal
from champion.judge import ledger, report
from champion.judge.champion import STAGE, Champion, tags
from champion.judge.ledger import Entry, Event
from champion.judge.paths import shaping
from champion.judge.verdict_file import checked, read
from champion.project import MODEL
from champion.workspace import objects
from champion.workspace.git import attempt, changed, git, resolve, show

RELEASE = Path(".champion/release")


def promote(api: Api) -> int:
    """Step `promote`."""
    it = Promotion(**json.loads(PROMOTION.read_text(encoding="utf-8")))
    git("config", "user.name", record.BOT)
    git("config", "user.email", record.MAIL)
    try:
        if it.refusal:
            raise Unfit(it.refusal)
        if it.version:
            put_back(api, it)
        else:
            put_forward(api, it)
    except Unfit as refusal:
        return revert.refuse(api, it.model, f"The model {it.model[:10]} of {it.commit[:10]} is not "
                             f"promoted: {refusal}")  # fmt: skip
    write_output("commit", it.commit)
    write_output("version", it.version)
    deploy.start(api, "HEAD")
    if warning := tracking.promoted(it.version, it.commit, objects.find(it.model)):
        write_summary(f"⚠️ {warning}")
    return 0


def put_forward(api: Api, it: Promotion) -> None:
    """Promote the default branch's model.

    Raises
    ------
    Unfit : no more looks are left at its holdout.
    Refusal : it is not what may be promoted.
    """
    held = ledger.current()
    given = {tag: names(tag) for tag in tags()}
    champion = in_production(api, held)
    better, override = allowed(api, held, it, champion)
    it.verdict = it.verdict or judged_here(api, it)
    record.store()
    known = None  # for the card and the audit: that GitHub does not say it stops nothing
    with contextlib.suppress(Refusal):
        known = people(api, it.commit, os.environ["BASE"])

    def entry(held: ledger.Ledger) -> Entry:
        part = bump(champion, it.commit, better)
        before = champion.version if champion else None

        def taken(name: str) -> bool:
            return name in held.versions or f"model@{name}" in given

        version = next_version(before, part, taken)
        body = {"version": version, "commit": it.commit, "verdict": it.verdict,
                "override": override, "model": it.model, "data": it.data, "card": True,
                "people": known, "run": record.this_run()}  # fmt: skip
        return Entry(body, completed(held.events, body, "promoted"))

    event = ledger.append(
        "promotion", f"promotion/{it.model}/{it.verdict}", entry,
        believed=lambda known: (
            continues(known, it, given) and production.is_believed(api, held, known)
        ),
    )  # fmt: skip
    it.commit, it.version = event.body["commit"], event.body["version"]
    tag(it.version, it.commit, event)
    release(api, it, event)
    write_output("released", "true")
    into_production(it.version, it.commit, event)
    write_summary(f"### 🏆 {it.version} is the champion\n\n`{it.commit}`")


def allowed(
    api: Api, held: ledger.Ledger, it: Promotion, champion: Champion | None
) -> tuple[bool, int | None]:
    """Check again what may be promoted.

    Returns
    -------
    Whether it was shown to be better; the number of the override that lets it through.

    Merged code ran where `it` was written, to predict the holdout: that alone is its word to give.

    Raises
    ------
    Refusal : the ledger or Git says something else.
    """
    made = parsed(show(it.commit, "dvc.lock"))
    merged = not attempt("merge-base", "--is-ancestor", it.commit, "HEAD").returncode
    if not merged or (made.model, pointed(it.commit)) != (it.model, it.data):
        raise Refusal(f"{it.commit[:10]} is not the default branch's with that model.", code=1)
    found = search(api, held, it.model, it.data, champion, it.verdict)
    if found.proof:
        word = found.proof.override
        return found.proof.better, word.number if word else None
    if it.verdict or not (found.first or (found.expired and asked_by_owner(api))):
        raise Refusal(f"event {it.verdict} of the ledger does not let it through.", code=1)
    return read(VERDICT)["verdict"] == "better", None


def judged_here(api: Api, it: Promotion) -> int:
    """Record the verdict that verify gave.

    Raises
    ------
    Unfit : as the ledger counts it, it does not let the model through.
    """
    file = read(VERDICT)
    file["run"] = record.this_run()
    key, base = f"verdict/{it.commit}/{it.model}", os.environ["BASE"]
    event = ledger.append(
        "verdict", key, lambda held: record.entry(held, file),
        believed=lambda known: holds(api, known, base),
    )  # fmt: skip
    if not event.body["merge"]:
        raise Unfit(event.body["reasons"][0])
    return event.number


def continues(event: Event, it: Promotion, given: dict[str, str]) -> bool:
    """Whether an event is that of a run which was interrupted, about what was verified now.

    Parameters
    ----------
    given : the commit of each tag, see `names`.
    """
    commit = event.body["commit"]
    same = all(event.body.get(name) == getattr(it, name) for name in ("model", "data", "verdict"))
    before = not attempt("merge-base", "--is-ancestor", commit, it.commit).returncode
    free = given.get(f"model@{event.body['version']}", commit) == commit
    return same and before and free and not shaping(changed(commit, it.commit))


def put_back(api: Api, it: Promotion) -> None:
    """Make an earlier version the champion again, and propose that the branch follows."""
    held = ledger.current()
    promotion = promotion_of(api, held, it.version)
    if promotion.body["commit"] != it.commit:
        raise Refusal(f"{it.version} is another commit than {it.commit[:10]}.", code=1)
    event = reign = standing.reigns(held)[-1]

    def believed(known: Event) -> bool:
        return production.is_believed(api, held, known)

    if reign.body["version"] != it.version or not believed(reign):
        reason = os.environ.get("REASON", "").strip() or "no reason was given"
        body = {
            "version": it.version,
            "commit": it.commit,
            "reason": reason[:400],
            "card": True,
            "run": record.this_run(),
        }
        key = f"rollback/{it.version}/{reign.number}"

        def entry(now: ledger.Ledger) -> Entry:
            return Entry(body, completed(now.events, promotion.body, "put back"))

        event = ledger.append("rollback", key, entry, os.environ["GITHUB_ACTOR"], believed)
    into_production(it.version, it.commit, event)
    write_summary(f"### ⏪ {it.version} is the champion\n\n`{it.commit}`")
    title = f"Go back to {it.version}"
    why = event.body.get("reason") or "It was promoted last."
    number, said = revert.propose(api, f"revert/event-{event.number}", it.commit, title, why)
    write_summary(said)
    if said and not number:
        tell(api, title, f"{revert.shown(why)}\n\n{said}")


def tag(version: str, commit: str, event: Event) -> None:
    """Name the version.

    Raises
    ------
    Refusal : its tag names something else, or origin does not take it.
    """
    name = f"model@{version}"
    if name not in tags():
        send(name, commit, event)
    elif names(name) != commit:
        raise Refusal(f"the tag {name} does not name {commit[:10]}: run promote once more.", code=1)


def into_production(version: str, commit: str, event: Event) -> None:
    """Say by the newest tag of the stage what is in production: `dvc artifacts get` reads that."""
    if production.live() != Champion(commit, version):
        stages = [int(known[2]) for name in tags() if (known := STAGE.fullmatch(name))]
        send(f"model#production#{max(stages, default=0) + 1}", commit, event)


def names(tag: str) -> str:
    """The commit of a tag as GTO writes it, with a message; else empty."""
    kind = git("cat-file", "-t", f"refs/tags/{tag}")
    return (resolve(f"refs/tags/{tag}") or "") if kind == "tag" else ""


def send(tag: str, commit: str, event: Event) -> None:
    """Write a tag as GTO does, which itself stops at any tag of somebody else's that is odd."""
    git("tag", "--annotate", "--message", f"ledger: {ledger.commit_of(event)}", tag, commit)
    git("push", "--quiet", "--no-verify", "origin", f"refs/tags/{tag}")


def release(api: Api, it: Promotion, promotion: Event) -> None:
    """Publish the version with what it was judged by; what is there already stays."""
    name = f"model@{it.version}"
    events = ledger.current().events
    event = events[it.verdict - 1]
    base = (
        f"{os.environ['GITHUB_SERVER_URL']}/{api.name}/raw/{ledger.BRANCH}/files/{event.number:06}"
    )
    text = report.as_markdown(checked(event.body), base)
    files = {
        "dvc.lock": show(it.commit, "dvc.lock").encode(),
        "report.md": text.encode(),
        "verdict.json": ledger.written(event.body),
    }
    card = completed(events[: promotion.number - 1], promotion.body, "promoted")
    files |= {name: card[name] for name in ASSETS}
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
