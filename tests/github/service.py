"""The host itself: its people, repositories, tokens, and what was sent to it."""

import itertools
import threading
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from .bare import Bare
from .events import Event
from .faults import Faults
from .listener import Listener
from .requests import Sent
from .state import ACTIONS_APP, ROLES, Label, Repository, User
from .tokens import Token

LABELS = ("bug", "documentation", "enhancement")
BOT = "github-actions[bot]"


class GitHub:
    """A GitHub in memory, on a port of this machine; a context manager.

    Attributes
    ----------
    url, api, uploads
        Where its Git repositories, its REST API and its uploads are.
    events
        What happened and may start workflows, oldest first: `take_events` empties it.
    sent
        Every request, with what it was answered.
    faults
        What shall go wrong.
    lock
        Held while a request is served; hold it to look at several things at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, Token] = {}
        self.events: list[Event] = []
        self.sent: list[Sent] = []
        self.faults = Faults()
        self._numbers = itertools.count(1001)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
        self._server.daemon_threads = True
        self._server.github = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.api = f"{self.url}/api/v3"
        self.uploads = f"{self.url}/api/uploads"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def number(self) -> int:
        """An id that nothing else has."""
        return next(self._numbers)

    def user(self, login: str) -> User:
        """The user of this name; made when it is first asked for."""
        if login not in self.users:
            kind = "Bot" if login.endswith("[bot]") else "User"
            self.users[login] = User(login, self.number(), kind)
        return self.users[login]

    def create(self, full_name: str, private: bool = False) -> Repository:
        """Make an empty repository that its owner administers."""
        owner, name = full_name.split("/")
        return self._add(owner, name, Bare.make(self.folder / owner / f"{name}.git"), private)

    def _add(
        self, owner: str, name: str, bare: Bare, private: bool, parent: Repository | None = None
    ) -> Repository:
        made = Repository(
            id=self.number(),
            owner=self.user(owner),
            name=name,
            bare=bare,
            private=private,
            parent=parent,
            roles={owner: "admin"},
        )
        for label in LABELS:
            made.labels[label] = Label(id=self.number(), name=label, color="ededed")
        self.repositories[made.full_name] = made
        return made

    def fork(self, repository: Repository, owner: str) -> Repository:
        """Copy the branches and tags to a repository of somebody else's."""
        bare = Bare.make(self.folder / owner / f"{repository.name}.git")
        copied = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        bare.git("fetch", "--quiet", str(repository.bare.path), *copied)
        bare.git("symbolic-ref", "HEAD", f"refs/heads/{repository.default_branch}")
        made = self._add(owner, repository.name, bare, repository.private, repository)
        made.default_branch = repository.default_branch
        return made

    def grant(self, repository: Repository, login: str, role: str) -> None:
        """Give somebody a role: read, triage, write, maintain or admin."""
        assert role in ROLES
        repository.roles[self.user(login).login] = role

    def token(self, login: str) -> Token:
        """A person's token: it may do what the person may."""
        return self._keep(Token(f"ghp_{self.number()}", self.user(login)))

    def workflow_token(
        self, repository: Repository, permissions: Mapping[str, str], fork: bool = False
    ) -> Token:
        """A job's token, by its `permissions:`; `fork` for a pull request from a fork."""
        return self._keep(
            Token(
                f"ghs_{self.number()}",
                self.user(BOT),
                repository,
                dict(permissions),
                fork=fork,
                app=ACTIONS_APP,
                workflow=True,
            )
        )

    def app_token(
        self, repository: Repository, login: str, permissions: Mapping[str, str]
    ) -> Token:
        """An installed app's token; unlike a workflow's, what it does starts workflows."""
        actor = self.user(login)
        return self._keep(
            Token(f"ghs_{self.number()}", actor, repository, dict(permissions), app=actor.id)
        )

    def _keep(self, token: Token) -> Token:
        self.tokens[token.secret] = token
        return token

    def system(self, actor: User) -> Token:
        """What the host itself does in somebody's name; no client has it."""
        return Token("", actor)

    def remote(self, repository: Repository, token: Token | None = None) -> str:
        """The address to clone from and push to, with the token as its password."""
        address = f"{self.url}/{repository.full_name}.git"
        return address.replace("//", f"//x-access-token:{token.secret}@", 1) if token else address

    def take_events(self) -> list[Event]:
        """The events since the last time."""
        with self.lock:
            taken, self.events = self.events, []
            return taken

    def unknown(self) -> list[Sent]:
        """The requests that this server does not know: none in a good test."""
        return [sent for sent in self.sent if sent.unknown]
