"""A double of CML 0.20.6: it sends what the real `cml comment` was seen to send, and nothing else.

Left out: uploads (so `--publish=false` is a must), titles that need escapes, the half minute of
waiting at a rate limit, any other command.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(message)


def fail(message: str) -> NoReturn:
    print(json.dumps({"level": "error", "message": message}), file=sys.stderr)
    sys.exit(1)


def parse() -> argparse.Namespace:
    if stray := [name for name in os.environ if name.startswith("CML_COMMENT_")]:
        fail(f"Unknown argument: {stray[0]}")
    parser = Parser(prog="cml", allow_abbrev=False)
    parser.add_argument("group", choices=["comment"])
    parser.add_argument("command", choices=["create", "update"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--publish", choices=["false"], required=True)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--target", type=re.compile(r"pr/(\d+)").fullmatch, required=True)
    parser.add_argument("--watermark-title", type=re.compile(r"[\w.-]+").fullmatch, required=True)
    return parser.parse_args()


def ask(token: str, method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(
        f"{os.environ['GITHUB_API_URL']}{path}",
        json.dumps(body).encode() if body else None,
        {"Authorization": f"token {token}", "Accept": "application/vnd.github.v3+json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def commit() -> str:
    """The commit that the mark names."""
    event = os.environ.get("GITHUB_EVENT_NAME")
    if event == "pull_request":
        payload = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())
        return str(payload["pull_request"]["head"]["sha"])
    return os.environ["GITHUB_SHA"]


def main() -> None:
    subprocess.run(["git", "config", "--global", "--add", "safe.directory", "*"], check=True)
    arguments = parse()
    names = ("REPO_TOKEN", "repo_token", "GITHUB_TOKEN")
    token = next((os.environ[name] for name in names if os.environ.get(name)), None)
    if not token:
        fail("token not found")
    with contextlib.suppress(OSError):  # it is for statistics alone
        ask(token, "GET", f"/users/{os.environ['GITHUB_ACTOR']}")
    try:
        report = arguments.file.read_text(encoding="utf-8", errors="replace")
        print(post(arguments, token, report))
    except OSError as error:
        fail(str(error))


def post(arguments: argparse.Namespace, token: str, report: str) -> str:
    """Write the comment; return its address."""
    home = "/repos/" + "/".join(arguments.repo.split("/")[3:5])
    comments = f"{home}/issues/{arguments.target[1]}/comments"
    title = f"CML watermark {arguments.watermark_title[0]}"
    image = "https://cml.dev/watermark.png"
    body = {"body": f'{report}\n\n![]({image}#{commit()} "{title}")'}
    mark = re.compile(rf'!\[\]\({re.escape(image)}#[0-9a-fA-F]+ "{re.escape(title)}"\)')
    if arguments.command == "update":
        for comment in reversed(ask(token, "GET", comments)):  # the first page: 30
            if mark.search(comment["body"]):
                path = f"{home}/issues/comments/{comment['id']}"
                return str(ask(token, "PATCH", path, body)["html_url"])
    return str(ask(token, "POST", comments, body)["html_url"])


if __name__ == "__main__":
    main()
