"""The tour's last part: months arrive, and the loop closes by itself; the time line at its end."""

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import cmarkgfm
from cmarkgfm.cmark import Options

from flow import Host
from github import PullRequest
from github.state import Issue
from run import call, say
from tour_guide import commit, expect, output, tell
from tour_judge import python
from tour_pull_requests import NAME, STYLE, content, gate, tags

MONTHS = ("", "January", "February", "March", "April", "May", "June")
SERVE = """
import sys, pandas as pd
table, scores, folder, wind = sys.argv[1:]
flights, said = pd.read_parquet(table), pd.read_parquet(scores)
log = flights.iloc[said["row"] - 1].reset_index(drop=True)
log.insert(0, "request_id", [f"{scores}-{row}" for row in said["row"]])
log["time"], log["version"], log["score"] = log["departure"], said["version"], said["score"]
log["wind_speed"] *= float(wind)
log.drop(columns="late").to_parquet(f"{folder}/log.parquet")
log.loc[log["late"].notna(), ["request_id", "late"]].to_parquet(f"{folder}/answers.parquet")
"""


def months(host: Host, project: Path, pages: Path) -> None:
    """March to June: served, watched, trained anew, judged, merged, promoted."""
    say("7. March to June arrive, and nobody watches")
    tell("Each month the champion serves flights, and is looked at; the month's file, with the")
    tell("answers, is put into data/incoming. gate.yaml lets the judge merge what is no worse, by")
    tell("the ROC AUC alone: a rainy week moves the log loss by more than any model does.")
    edit(project, "merge: false", "merge: true")
    edit(project, "monitor: ", "monitor:\n  window: 28 days\n#")
    edit(project, "guards: [log_loss]", "guards: []")
    commit(project, "Let the judge merge what trains anew")
    host.home.actions_may_open_pulls = True
    for month in range(3, 7):
        say(f"   {MONTHS[month]}")
        before = live(host)
        if broken := month == 6:
            tell("The service has been given another weather station, which tells km/h.")
        serve(host, project, month, 1.609 if broken else 1.0)
        arrive(host, project, month)
        look(host, month)
        told(host, before)
        expect(len(alarms(host, "open")) == broken, f"{'an' if broken else 'no'} alert is open")
        call("git", "pull", "--quiet", "--tags", folder=project)
    say("   The station is mended")
    serve(host, project, 6)
    look(host, 6)
    expect(not alarms(host, "open"), "the alert is closed")
    time_line(host, pages)
    say("   Who let which model through, and was anything tampered with?")
    call("git", "fetch", "--quiet", folder=project)
    path = pages / "audit.html"
    said = output("make", "audit", f"OUT={path}", folder=project)
    expect(
        said.startswith("Sound: "),
        f"nothing; each version: {path.relative_to(pages.parent.parent)}",
    )


def edit(project: Path, old: str, new: str) -> None:
    """Change gate.yaml."""
    path = project / "gate.yaml"
    text = path.read_text(encoding="utf-8")
    expect(old in text, f"gate.yaml has {old.strip()}")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def serve(host: Host, project: Path, month: int, wind: float = 1.0) -> None:
    """What the service logs in a month, and the answers.

    wind : what the wind's speed is multiplied by on its way to the service
    """
    folder = project.parent / "served" / f"2013-{month:02}"
    folder.mkdir(parents=True, exist_ok=True)
    table, scores = file_of(month), folder / "scores.parquet"
    output("make", "predict", f"IN={table}", f"OUT={scores}", folder=project, quiet=True)
    script = (str(python(project)), "-c", SERVE, table, str(scores), str(folder), str(wind))
    output(*script, folder=project, quiet=True)
    host.actions.variables["MONITOR_LOG"] = (folder / "log.parquet").as_uri()
    host.actions.variables["MONITOR_LABELS"] = (folder / "answers.parquet").as_uri()


def file_of(month: int) -> str:
    return f"data/later/flights-2013-{month:02}.parquet"


def arrive(host: Host, project: Path, month: int) -> None:
    """The month's file is put where new data come in."""
    shutil.copy(project / file_of(month), project / "data/incoming")
    commit(project, MONTHS[month])
    call("git", "push", "--quiet", "origin", "main", folder=project)
    host.settle()


def look(host: Host, month: int) -> None:
    """Let the monitor look at the end of a month, and everything that this starts."""
    host.dispatch("monitor.yml", "you", until=f"2013-{month + 1:02}-01")
    host.settle()


def alarms(host: Host, state: str) -> list[Issue]:
    """The monitor's issues."""
    found = host.home.issues.values()
    return [it for it in found if "monitor" in it.labels and it.state == state]


def told(host: Host, before: str) -> None:
    """What came of it."""
    look = events(host, "monitor")[-1]["body"]
    tell(f"the monitor: {look['summary']}")
    expect(host.run("monitor").conclusion == "success", "its run is green, alert or not")
    pull = host.home.pulls[-1]
    tell(f"pull request #{pull.number}, “{pull.title}”: {gate_of(host, pull)}")
    if pull.merged_at:
        expect(live(host) != before, f"the judge has merged it: {live(host)} is in production")
    else:
        expect(live(host) == before, f"it is not merged: {before} stays in production")
        host.ask(f"PATCH /pulls/{pull.number}", "you", {"state": "closed"})
        tell("somebody closes it; the next month brings its flights again, with more")


def gate_of(host: Host, pull: PullRequest) -> str:
    status = gate(host, pull)
    return f"{status.state}, “{status.description}”"


def live(host: Host) -> str:
    return max(tags(host) & {name for name in tags(host) if name.startswith("model@")}, key=order)


def order(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))


def events(host: Host, *kinds: str) -> list[dict[str, Any]]:
    """The ledger's events of these kinds, oldest first."""
    bare = host.home.bare
    names = bare.git("ls-tree", "--name-only", "ledger:events").splitlines()
    found = [json.loads(bare.git("show", f"ledger:events/{name}")) for name in names]
    return [event for event in found if event["kind"] in kinds]


def time_line(host: Host, pages: Path) -> None:
    """What happened month by month; the issue and the ledger as pages."""
    say("   The time line")
    for event in events(host, "monitor", "promotion", "rollback"):
        body = event["body"]
        if event["kind"] == "monitor":
            look = body["look"]
            tell(f"{look['window']['to'][:10]}  {look['state']:<7}  {body['summary']}")
        else:
            again = f" again: {body['reason']}" if event["kind"] == "rollback" else ""
            tell(f"{'':10}  {body['version']:<7}  is the champion{again}")
    for issue in alarms(host, "closed"):
        path = pages / f"monitor-issue-{issue.number}.html"
        path.write_text(page(host, issue.title, issue_text(issue)), encoding="utf-8")
        tell(f"the issue: {path.relative_to(pages.parent.parent)}")
    path = pages / "ledger.html"
    text = host.home.bare.git("show", "ledger:README.md")
    path.write_text(page(host, "Ledger", text), encoding="utf-8")
    tell(f"the ledger: {path.relative_to(pages.parent.parent)}")


def issue_text(issue: Issue) -> str:
    return "\n\n---\n\n".join([issue.body or "", *(comment.body for comment in issue.comments)])


def page(host: Host, title: str, text: str) -> str:
    """Markdown as a page that needs nothing else; its pictures are those of the ledger."""
    body = cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE)
    base = f"{host.github.url}/{NAME}/raw/ledger/"

    def inside(found: re.Match[str]) -> str:
        image = content(host.home.bare.path, f"ledger:{found[1]}")
        return f'src="data:image/png;base64,{base64.b64encode(image).decode()}"'

    body = re.sub(rf'src="(?:{re.escape(base)})?((?:files/|history)[^"]+)"', inside, body)
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<h1>{title}</h1><article>{body}</article>"
    )
