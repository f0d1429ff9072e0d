"""The first push, the ones after it, and who can read what they send."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from champion.errors import Refusal
from champion.workspace import publish, readers
from champion.workspace.environment import Environment
from small_project import SmallProject, branches, clone, copied, make, names, server, track, trained

SYSTEM = os.pathsep.join(["/usr/local/bin", "/usr/bin", "/bin"])  # where no environment is active


class GitServer(http.server.BaseHTTPRequestHandler):
    """`git http-backend`, to read and write without a password."""

    root: Path

    def serve(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            env={
                **os.environ,
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_USER": "somebody",
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for key, value in fields.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = serve

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def public(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty repository that everybody can read."""
    server(tmp_path / "web/team/public.git")
    handler = type("Handler", (GitServer,), {"root": tmp_path / "web"})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}/team/public.git"
        web.shutdown()


@pytest.fixture
def project(
    tmp_path_factory: pytest.TempPathFactory, outside: Path, tmp_path: Path
) -> SmallProject:
    """A project that is set up and trained and was never pushed."""
    ready = trained(tmp_path_factory.getbasetemp() / "trained")
    return copied(ready, tmp_path / "my project")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return server(tmp_path / "the server.git")


def stored(project: SmallProject) -> set[str]:
    return {path.name for path in project.path.glob(".dvc/storage/files/md5/*/*")}


def own(project: SmallProject) -> SmallProject:
    """Make the data the user's own."""
    project.write("gate.yaml", "data: {target: y}\n")
    project.git("commit", "--quiet", "--no-verify", "-am", "Our own data")
    return project


def log_pushes(origin: Path) -> Path:
    """Let a server note the order in which references arrive."""
    hook = origin / "hooks/update"
    hook.write_text('#!/bin/sh\necho "$1" >> pushes\n')
    hook.chmod(0o755)
    return origin / "pushes"


def test_first_push_trains_and_makes_the_default_branch_first(tmp_path: Path, origin: Path) -> None:
    project = make(tmp_path / "untrained", stage=True)
    project.champion("setup")
    pushes = log_pushes(origin)
    project.git("remote", "add", "origin", str(origin))
    said = project.champion("publish").stdout
    assert pushes.read_text().split() == ["refs/heads/main", "refs/heads/dvc-storage"]
    assert "3 large files (" in said
    assert "3 rows of data" in said
    assert "whoever can read the folder" in said
    committed = project.git("ls-tree", "-r", "--name-only", "origin/main").split()
    assert {"dvc.lock", "reports/cv.json"} <= set(committed)
    assert project.git("status", "--porcelain") == ""
    project.champion("publish")
    assert pushes.read_text().count("\n") == 2


def test_fresh_clone_after_publish_has_data_and_model(
    project: SmallProject, origin: Path, tmp_path: Path
) -> None:
    project.git("remote", "add", "origin", str(origin))
    project.champion("publish")
    copy = clone(f"file://{origin}", tmp_path / "a clone", "--single-branch")
    said = copy.champion("setup").stdout
    assert "described" not in said
    assert (copy.path / "data/raw/a.csv").read_text() == "x,y\n1,0\n2,1\n3,1\n"
    assert (copy.path / "model.txt").exists()
    assert copy.dvc("status") == "Data and pipelines are up to date."
    assert copy.git("status", "--porcelain") == ""


def test_own_data_go_to_a_folder_with_another_default_branch(
    project: SmallProject, tmp_path: Path
) -> None:
    own(project).git("branch", "--move", "main", "trunk")
    origin = server(tmp_path / "trunk.git")
    pushes = log_pushes(origin)
    project.git("remote", "add", "origin", str(origin))
    project.champion("publish")
    assert pushes.read_text().split() == ["refs/heads/trunk", "refs/heads/dvc-storage"]


def test_without_origin_the_two_commands_are_named(project: SmallProject) -> None:
    done = project.champion("publish", check=False, PATH=SYSTEM)
    assert done.returncode == 2
    assert "git remote add origin URL" in done.stderr
    assert "publish" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("public", [False, True])
def test_gh_creates_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    program = tmp_path / "bin/gh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/gh.log"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), os.environ["PATH"]]))
    (tmp_path / "my project").mkdir()
    monkeypatch.chdir(tmp_path / "my project")
    subprocess.run(["git", "init", "--quiet"], check=True)
    publish.create_origin(public, unconfirmed=False)
    said = (tmp_path / "gh.log").read_text()
    assert f"repo create my-project --{'public' if public else 'private'} --source ." in said
    with pytest.raises(Refusal, match="nothing was made"):
        publish.create_origin(public=True, unconfirmed=True)
    assert (tmp_path / "gh.log").read_text().count("repo create") == 1


def test_push_by_hand_before_publish_sends_code_only(project: SmallProject, origin: Path) -> None:
    project.git("remote", "add", "origin", str(origin))
    done = project.run("git", "push", "--set-upstream", "origin", "main", PATH=SYSTEM)
    assert "the large files follow with" in done.stdout + done.stderr
    assert branches(origin) == {"main"}
    project.champion("publish")
    assert len(names(origin)) == 3


def test_later_push_sends_files_with_the_code(project: SmallProject, origin: Path) -> None:
    """With no environment active: the hooks bring their own."""
    project.git("remote", "add", "origin", str(origin))
    project.champion("publish")
    project.add_data("b.csv", "x,y\n9,1\n")
    project.git("checkout", "--quiet", "-b", "more-data")
    done = project.run("git", "push", "origin", "more-data", PATH=SYSTEM, CHAMPION_VENV="")
    assert "Sent 2 large files" in done.stdout + done.stderr
    assert len(names(origin)) == 5
    assert branches(origin) == {"main", "more-data", "dvc-storage"}


def test_colleague_sees_new_files_after_pull_and_checkout(
    project: SmallProject, origin: Path, tmp_path: Path
) -> None:
    project.git("remote", "add", "origin", str(origin))
    project.champion("publish")
    colleague = clone(origin, tmp_path / "colleague")
    colleague.champion("setup")
    project.add_data("b.csv", "x,y\n9,1\n")
    project.git("push", "--quiet")
    colleague.run("git", "pull", "--quiet", PATH=SYSTEM)
    assert stored(colleague) == stored(project)
    project.git("checkout", "--quiet", "-b", "idea")
    project.add_data("c.csv", "x,y\n8,1\n")
    project.git("push", "--quiet", "origin", "idea")
    colleague.git("fetch", "--quiet")
    colleague.run("git", "checkout", "--quiet", "idea", PATH=SYSTEM)
    assert stored(colleague) == stored(project)
    colleague.dvc("pull", "data/raw.dvc")
    assert (colleague.path / "data/raw/c.csv").exists()


def test_push_with_nothing_to_send_needs_neither_server_nor_dvc(
    project: SmallProject, origin: Path, tmp_path: Path
) -> None:
    project.git("remote", "add", "origin", str(origin))
    project.champion("publish")
    origin.rename(tmp_path / "unplugged")
    shutil.rmtree(project.path / ".dvc/cache")
    done = project.champion("push-files")
    assert done.stdout + done.stderr == ""


def test_pushed_tag_and_other_remotes_send_no_files(project: SmallProject) -> None:
    project.git("remote", "add", "origin", "/nowhere")
    assert project.champion("push-files", PRE_COMMIT_REMOTE_BRANCH="refs/tags/v1").stdout == ""
    assert project.champion("push-files", PRE_COMMIT_REMOTE_BRANCH="refs/heads/ledger").stdout == ""
    said = project.champion("push-files", PRE_COMMIT_REMOTE_NAME="backup").stdout
    assert "the remote called origin" in said


def test_files_that_are_nowhere_are_told_and_asked_for_again(
    project: SmallProject, origin: Path
) -> None:
    project.git("remote", "add", "origin", str(origin))
    project.git("push", "--quiet", "--no-verify", "origin", "main")
    shutil.move(project.path / ".dvc/cache", project.path / "elsewhere")
    assert "neither here nor at the remote" in project.champion("push-files").stdout
    shutil.rmtree(project.path / ".dvc/cache", ignore_errors=True)
    shutil.move(project.path / "elsewhere", project.path / ".dvc/cache")
    project.champion("push-files")
    assert len(names(origin)) == 3


def test_damaged_file_is_copied_again(project: SmallProject, origin: Path) -> None:
    project.git("remote", "add", "origin", str(origin))
    project.git("push", "--quiet", "--no-verify", "origin", "main")
    project.dvc("push")
    data = next(p for p in project.path.glob(".dvc/storage/files/*/*/*") if p.stat().st_size == 16)
    content = data.read_bytes()
    data.chmod(0o644)
    data.write_bytes(b"half")
    project.champion("push-files")
    name = data.relative_to(project.path / ".dvc/storage").as_posix()
    stored = project.run("git", "-C", str(origin), "show", f"dvc-storage:{name}").stdout
    assert stored.encode() == content


def test_own_data_stop_at_a_public_repository_until_confirmed(
    project: SmallProject, public: str, tmp_path: Path
) -> None:
    origin = tmp_path / "web/team/public.git"
    subprocess.run(["git", "-C", str(origin), "config", "http.receivepack", "true"], check=True)
    own(project).git("remote", "add", "origin", public)
    done = project.champion("publish", check=False)
    assert done.returncode == 2
    assert "3 large files" in done.stdout
    assert "rows" in done.stdout
    assert "everybody: 127.0.0.1" in done.stdout
    assert "Traceback" not in done.stderr
    assert "CONFIRM=public" in done.stderr or "--confirm public" in done.stderr
    assert branches(origin) == set()

    project.git("push", "--quiet", "--no-verify", "origin", "main")  # code alone, by hand
    refused = project.champion("push-files", check=False)
    assert refused.returncode == 2
    assert branches(origin) == {"main"}

    project.champion("publish", "--confirm", "public")
    assert len(names(origin)) == 3
    subprocess.run(["git", "-C", str(origin), "branch", "-D", "dvc-storage"], check=True)
    (project.path / publish.SENT).unlink()
    project.champion("push-files")  # the confirmation is remembered
    assert len(names(origin)) == 3


def test_rows_are_counted_where_no_report_has_them(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    env = Environment(Path(sys.prefix), kept=False)
    shutil.rmtree("reports")
    assert publish.rows(env) == 3
    shutil.rmtree("data/raw")
    assert publish.rows(env) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("report: {show_values: true}", False),
        ("report: {show_values: false}", True),
        ("", True),
        ("report: [not settings", True),
    ],
)
def test_whose_data_they_are(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch, text: str, expected: bool
) -> None:
    monkeypatch.chdir(project.path)
    project.write("gate.yaml", f"data: {{target: y}}\n{text}\n")
    assert publish.own_data(Environment(Path(sys.prefix), kept=False)) is expected


def test_own_data_stop_where_nobody_knows_who_reads(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    unknown = readers.Readers(None, "nobody here knows")
    with pytest.raises(Refusal, match="nothing was sent"):
        publish.check_readers("https://git.example/a/b", unknown)
    project.git("config", publish.CONFIRMED, "https://git.example/a/b")
    publish.check_readers("https://git.example/a/b", unknown)
    with pytest.raises(Refusal, match="nothing was sent"):  # that address only
        publish.check_readers("https://git.example/a/other", unknown)


def test_remote_with_other_commits_is_told_in_a_sentence(
    project: SmallProject, origin: Path, tmp_path: Path
) -> None:
    stranger = clone(origin, tmp_path / "stranger")
    stranger.write("README.md", "made on the web\n")
    stranger.git("add", "--all")
    stranger.git("commit", "--quiet", "-m", "Initial commit")
    stranger.git("push", "--quiet", "origin", "HEAD:main")
    project.git("remote", "add", "origin", str(origin))
    done = project.champion("publish", check=False)
    assert done.returncode == 1
    assert "git pull --rebase origin main" in done.stderr
    assert branches(origin) == {"main"}


def test_owner_is_written_into_codeowners(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path)
    owners = project.write(
        ".github/CODEOWNERS",
        "# Reviewed.\n# `make publish` names the owner and takes the marks away.\n"
        "# /gate.yaml @OWNER\n# /.github/ @OWNER\n",
    )
    publish.name_owner(str(project.path))
    assert "@OWNER" in owners.read_text()
    publish.name_owner("git@github.com:ada/flights.git")
    assert owners.read_text() == "# Reviewed.\n/gate.yaml @ada\n/.github/ @ada\n"
    assert project.git("log", "-1", "--format=%s") == "Name the owner @ada"


def test_large_files_are_warned_of(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    publish.branch.prepare()
    folder, digest = "a" * 32, "b" * 32
    project.write("data/raw.dvc", f"outs:\n- md5: {folder}.dir\n  path: raw\n")
    listed = json.dumps([{"md5": digest, "relpath": "wide.csv"}])
    project.write(f".dvc/storage/files/md5/aa/{folder[2:]}.dir", listed)
    with project.write(f".dvc/storage/files/md5/bb/{digest[2:]}", "").open("wb") as file:
        file.truncate(51_000_000)
    publish.weigh(publish.branch.pending())
    said = capsys.readouterr().out
    assert "data/raw/wide.csv (51 MB) is large" in said
    assert "storage" in said
    assert "in all" not in said
    monkeypatch.setattr(publish, "LARGE_TOTAL", 50_000_000)
    publish.weigh(publish.branch.pending())
    assert "51 MB in all" in capsys.readouterr().out


def test_file_that_hosts_refuse_stops_before_anything_is_sent(
    project: SmallProject, origin: Path
) -> None:
    with (project.path / "data/raw/huge.csv").open("wb") as file:
        file.truncate(101_000_000)
    track(project.path)
    project.git("commit", "--quiet", "--no-verify", "-am", "Huge")
    project.git("remote", "add", "origin", str(origin))
    done = project.champion("publish", check=False)
    assert done.returncode == 2
    assert "data/raw/huge.csv (101 MB)" in done.stderr
    assert "storage" in done.stderr
    assert branches(origin) == set()
    sizes = {p.stat().st_size for p in project.path.glob(".dvc/storage/files/md5/*/*")}
    assert max(sizes) < 1000  # the next push is not stopped by it if it is no longer wanted
    cached = {p.stat().st_size for p in project.path.glob(".dvc/cache/files/md5/*/*")}
    assert max(cached) == 101_000_000


def test_before_set_up_publish_says_so(tmp_path: Path) -> None:
    done = make(tmp_path / "raw").champion("publish", check=False)
    assert done.returncode == 2
    assert "setup" in done.stderr


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("git@github.com:ada/flights.git", "github.com/ada/flights"),
        ("ssh://git@github.com:22/ada/flights.git", "github.com/ada/flights"),
        ("https://user:secret@github.com/ada/flights", "github.com/ada/flights"),
        ("http://host.example:8080/ada/flights.git", "host.example:8080/ada/flights"),
        ("github.com:ada/flights.git", "github.com/ada/flights"),
        ("file:///srv/flights.git", "None"),
        ("/srv/my flights.git", "None"),
        ("../flights.git", "None"),
        ("C:\\flights.git", "None"),
        ("C:/flights.git", "None"),
    ],
)
def test_address_of_a_remote(url: str, shown: str) -> None:
    assert str(readers.address(url)) == shown


@pytest.mark.parametrize(
    ("host", "status", "public"),
    [
        ("github.com", 200, True),
        ("github.com", 401, False),
        ("github.com", 404, False),
        ("github.com", 403, None),
        ("github.com", 0, None),
        ("git.example", 200, True),
        ("git.example", 404, None),
    ],
)
def test_who_can_read(
    monkeypatch: pytest.MonkeyPatch, host: str, status: int, public: bool | None
) -> None:
    monkeypatch.setattr(readers, "status", lambda where: status)
    monkeypatch.setattr(readers.shutil, "which", lambda name: None)
    assert readers.readers(f"https://{host}/ada/flights").public is public


@pytest.mark.parametrize(
    ("answer", "public"), [("PUBLIC", True), ("PRIVATE", False), ("INTERNAL", False)]
)
def test_gh_knows_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, public: bool
) -> None:
    (tmp_path / "gh").write_text(f'#!/bin/sh\necho \'{{"visibility":"{answer}"}}\'\n')
    (tmp_path / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setattr(readers, "status", lambda where: 0)
    assert readers.readers("git@github.com:ada/flights.git").public is public


def test_host_that_never_answers_costs_seconds_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readers, "SECONDS", 0.2)
    silent = http.server.HTTPServer(("127.0.0.1", 0), GitServer)  # accepts, answers nothing
    found = readers.readers(f"http://127.0.0.1:{silent.server_port}/ada/flights")
    silent.server_close()
    assert found.public is None
