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
table, scores, folder = sys.argv[1:]
flights, said = pd.read_parquet(table), pd.read_parquet(scores)
log = flights.iloc[said["row"] - 1].reset_index(drop=True)
log.insert(0, "request_id", [f"{scores}-{row}" for row in said["row"]])
log["time"], log["version"], log["score"] = log["departure"], said["version"], said["score"]
log.drop(columns="late").to_parquet(f"{folder}/log.parquet")
log.loc[log["late"].notna(), ["request_id", "late"]].to_parquet(f"{folder}/answers.parquet")
"""


def months(host: Host, project: Path, pages: Path) -> None:
    """March to June: served, watched, trained anew, judged, merged, promoted."""
    say("6. March to June arrive, and nobody watches")
    tell("Each month the champion serves flights, and is looked at; the month's file, with the")
    tell("answers, is put into data/incoming. gate.yaml lets the judge merge what is no worse.")
    text = (project / "gate.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("merge: false", "merge: true"),
        ("monitor: ", "monitor:\n  window: 28 days\n#"),
    ):
        expect(old in text, f"gate.yaml has {old.strip()}")
        text = text.replace(old, new, 1)
    (project / "gate.yaml").write_text(text, encoding="utf-8")
    commit(project, "Let the judge merge what trains anew")
    host.home.actions_may_open_pulls = True
    for month in range(3, 7):
        say(f"   {MONTHS[month]}")
        before = live(host)
        serve(host, project, month)
        call("git", "push", "--quiet", "origin", "main", folder=project)
        host.settle()
        host.dispatch("monitor.yml", "you", until=f"2013-{month + 1:02}-01")
        host.settle()
        told(host, before)
        call("git", "pull", "--quiet", "--tags", folder=project)
    time_line(host, pages)


def serve(host: Host, project: Path, month: int) -> None:
    """What the service logs in a month, and the answers; the file with both arrives afterwards."""
    name = f"flights-2013-{month:02}.parquet"
    folder = project.parent / "served" / f"2013-{month:02}"
    folder.mkdir(parents=True)
    table, scores = f"data/later/{name}", folder / "scores.parquet"
    output("make", "predict", f"IN={table}", f"OUT={scores}", folder=project, quiet=True)
    output(str(python(project)), "-c", SERVE, table, str(scores), str(folder), folder=project,
           quiet=True)  # fmt: skip
    host.actions.variables["MONITOR_LOG"] = (folder / "log.parquet").as_uri()
    host.actions.variables["MONITOR_LABELS"] = (folder / "answers.parquet").as_uri()
    shutil.copyfile(project / table, project / "data/incoming" / name)
    commit(project, f"{MONTHS[month]}")


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
    for event in events(host, "monitor", "promotion"):
        body = event["body"]
        if event["kind"] == "monitor":
            look = body["look"]
            tell(f"{look['window']['to'][:10]}  {look['state']:<7}  {body['summary']}")
        else:
            tell(f"{'':10}  {body['version']:<7}  is the champion")
    for issue in host.home.issues.values():
        if "monitor" in issue.labels:
            path = pages / f"monitor-issue-{issue.number}.html"
            path.write_text(page(host, issue.title, issue_text(issue)), encoding="utf-8")
            tell(f"the issue, {issue.state}: {path.relative_to(pages.parent.parent)}")
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
