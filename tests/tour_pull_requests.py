"""The tour's pull requests: workflows executed at a GitHub on this machine, comments as pages."""

import base64
import re
import subprocess
from pathlib import Path

import cmarkgfm
from cmarkgfm.cmark import Options

from actions.repository import Machine
from flow import Host
from github import PullRequest
from github.state import Status
from run import call, say
from tour_guide import expect, output, tell
from tour_judge import RAW, dvc, python

NAME = "you/flight-delays"
STYLE = """
body { max-width: 800px; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
       font: 15px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; color: #1f2328 }
article { border: 1px solid #d1d9e0; border-radius: 6px; padding: 1rem 1.25rem }
h1 { font-size: 1.2rem } h1 small { color: #59636e; font-weight: normal }
table { border-collapse: collapse } td, th { border: 1px solid #d1d9e0; padding: .3rem .8rem }
code { background: #eff1f3; border-radius: 4px; padding: .1em .3em; font-size: 85% }
img { max-width: 100% } .success { color: #1a7f37 } .failure { color: #d1242f }
"""


def host(folder: Path, project: Path) -> Host:
    """A GitHub with an empty repository; its runners have the project's environment."""
    variables = {"CHAMPION_VENV": str(project / ".venv"), "DVC_NO_ANALYTICS": "1"}
    machine = Machine(path=(python(project).parent,), variables=variables)
    return Host(folder / "github", NAME, machine)


def address(host: Host) -> str:
    return host.github.remote(host.home, host.token("you"))


def pull_requests(host: Host, project: Path, pages: Path) -> None:
    """A better model, a worse one, broken data; the better one is merged."""
    say("4. Pull requests, at a GitHub on this machine; every workflow runs step by step")
    tell("The first push has registered the first champion, judged beside a dummy model.")
    host.settle()
    expect("model@v1.0.0" in tags(host), "the tags model@v1.0.0 and model#production#1 are there")

    better = opened(host, project, "linear", "The simpler model is sent as a pull request", pages)
    expect(gate(host, better).state == "success", "the merge button is green")
    worse = opened(host, project, "crippled", "So is the model of two trees", pages)
    expect(gate(host, worse).state == "failure", "it cannot be merged")

    call("git", "switch", "--quiet", "--create", "broken", "main", folder=project)
    output(str(python(project)), "-c", BREAK, folder=project, quiet=True)
    output(*dvc(project), "add", "--quiet", "data/raw", folder=project, quiet=True)
    call("git", "commit", "--quiet", "--all", "--message", "Data from elsewhere", folder=project)
    broken = opened(host, project, "broken", "Data that have gone wrong on their way", pages)
    expect(gate(host, broken).state == "failure", "it cannot be merged, and nothing was trained")

    say("   The better model is merged, and goes live")
    merged(host, project, better)
    expect("model@v1.1.0" in tags(host), "it is version v1.1.0, in production")


def merged(host: Host, project: Path, pull: PullRequest) -> None:
    """Press the button; bring the clone up to date."""
    host.ask(f"PUT /pulls/{pull.number}/merge", "you", {})
    host.settle()
    call("git", "switch", "--quiet", "main", folder=project)
    call("git", "pull", "--quiet", folder=project)
    output(*dvc(project), "pull", "--quiet", folder=project, quiet=True)


BREAK = f"""
import pandas as pd
data = pd.read_parquet("{RAW}")
data["distance"] = data["distance"] * 1.609
data.loc[data.index % 3 == 0, "visib"] = None
data["carrier"] = data["carrier"].astype(str).replace("UA", "United")
import os; os.remove("{RAW}")
data.to_parquet("{RAW}")
"""


def opened(host: Host, project: Path, branch: str, what: str, pages: Path) -> PullRequest:
    """Push a branch, ask to merge it, let the workflows run; show and keep the comment."""
    say(f"   {what}")
    call("git", "push", "--quiet", "origin", branch, folder=project)
    pull = host.request_pull(branch, "you")
    host.settle()
    given = gate(host, pull)
    tell(f"gate: {given.state}, “{given.description}”")
    pages.mkdir(parents=True, exist_ok=True)
    page = pages / f"pull-request-{pull.number}.html"
    page.write_text(rendered(host, pull), encoding="utf-8")
    tell(f"its comment: {page.relative_to(pages.parent.parent)}")
    return pull


def gate(host: Host, pull: PullRequest) -> Status:
    """The status of its head."""
    return [one for one in host.home.statuses if one.sha == pull.head_sha][-1]


def tags(host: Host) -> set[str]:
    return {name.removeprefix("refs/tags/") for name in host.home.bare.references("refs/tags")}


def rendered(host: Host, pull: PullRequest) -> str:
    """A pull request's one comment, as a page that needs nothing else."""
    (comment,) = pull.comments
    body = cmarkgfm.github_flavored_markdown_to_html(comment.body, Options.CMARK_OPT_UNSAFE)
    base = f"{host.github.url}/{NAME}/raw/"

    def inside(found: re.Match[str]) -> str:
        branch, _, path = found[1].partition("/")
        blob = host.home.bare.path, f"{branch}:{path}"
        return f'src="data:image/png;base64,{base64.b64encode(content(*blob)).decode()}"'

    body = re.sub(rf'src="{re.escape(base)}([^"]+)"', inside, body)
    body = re.sub(r'<img src="https://cml.dev/[^>]+>', "", body)
    given = gate(host, pull)
    head = f"{pull.title} <small>#{pull.number}</small>"
    told = f'<p class="{given.state}"><b>gate</b>: {given.description}</p>'
    return (
        f"<!doctype html><meta charset=utf-8><title>#{pull.number}</title><style>{STYLE}</style>"
        f"<h1>{head}</h1>{told}<article>{body}</article>"
    )


def content(repository: Path, blob: str) -> bytes:
    done = subprocess.run(["git", "-C", repository, "show", blob], capture_output=True, check=True)
    return done.stdout
