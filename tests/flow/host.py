"""Between a push and a quiet repository: runs that events start, runs that follow runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from actions import runner
from actions.place import Place
from actions.repository import Machine
from actions.repository import Repository as Executor
from actions.result import Run, Step
from github import Event, GitHub, PullRequest, Token, queueing, runs, state
from github.events import fire
from github_client import ask

from .hooks import Hook
from .line import Line
from .telling import Shelf, tell
from .translation import Workflows

MOST = 300  # runs of one `settle`: more are a loop


class Host:
    """A GitHub with one repository whose workflows run; a context manager.

    Nothing runs by itself: `settle` runs what there is to run, one run after the other, until there
    is nothing left. In the middle of a run a hook may call it, too: what is not in a concurrency
    group with that run is then done before the run goes on.

    Attributes
    ----------
    github, home : the host and the repository: its people, rules, faults, and what was sent to it.
    actions : the same repository as the executor knows it: secrets, variables, environments.
    runs : every attempt of every run, oldest first.
    """

    def __init__(self, folder: Path, name: str = "ada/flights", machine: Machine | None = None):
        self.github = GitHub(folder / "github")
        self.home = self.github.create(name)
        self.actions = Executor(
            name,
            self.home.bare.path,
            folder / "scratch",
            url=self.github.remote(self.home),
            server_url=self.github.url,
            api_url=self.github.api,
            ids=iter(self.github.number, None),
        )
        self.workflows = Workflows(self.actions)
        self.records: dict[int, state.Run] = {}
        self.actions.artifacts = Shelf(
            folder / "scratch/artifacts", github=self.github, repository=self.home
        )
        self.machine = replace(machine or Machine(), before=self._before, watch=self._watch)
        self.runs: list[Run] = []
        self.line = Line(self.cancel)
        self.hooks: list[Hook] = []
        self.tokens: dict[str, Token] = {}

    def __enter__(self) -> Self:
        self.github.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.github.__exit__(None, None, None)

    def settle(self) -> None:
        """Run everything that what has happened starts, and what that starts."""
        started = len(self.runs)
        self.heed()
        while run := self.line.next():
            self._perform(run)
            assert len(self.runs) - started < MOST, "the workflows start each other for ever"
            self.heed()
        if self.line.running:
            return
        if queueing.advance(self.github, self.home):
            self.settle()
        else:
            assert not self.hooks, f"never met: {', '.join(map(str, self.hooks))}"

    def heed(self) -> None:
        """Put the runs that new events start in line."""
        with self.github.lock:
            known = self.github.repositories.values()
            self.actions.others = {one.full_name: self.github.remote(one) for one in known}
            self.actions.default_branch = self.home.default_branch
            while events := self.github.take_events():
                for event in events:
                    if event.repository is self.home:  # in forks workflows are switched off
                        self._start(event)

    def run(self, workflow: str) -> Run:
        """The newest run of the workflow with this name or file."""
        return [run for run in self.runs if workflow in (run.name, Path(run.path).stem)][-1]

    def token(self, login: str) -> Token:
        """A person's token, the same each time."""
        if login not in self.tokens:
            self.tokens[login] = self.github.token(login)
        return self.tokens[login]

    def ask(self, request: str, login: str = "ada", body: object = None) -> Any:
        """Ask `METHOD /path` below the repository; the answer must be good."""
        method, path = request.split(" ", 1)
        place = f"{method} /repos/{self.home.full_name}{path}"
        reply = ask(self.github, place, self.token(login), body)
        assert reply.status < 300, reply.content
        return reply.json if reply.content else None

    def dispatch(self, workflow: str, login: str = "ada", ref: str = "main", **inputs: str) -> None:
        """Press *Run workflow*."""
        body = {"ref": ref, "inputs": inputs}
        self.ask(f"POST /actions/workflows/{workflow}/dispatches", login, body)

    def request_pull(
        self, head: str, login: str = "ada", base: str = "main", **fields: Any
    ) -> PullRequest:
        """Open a pull request; what comes back goes with the branch."""
        body = {"head": head, "base": base, "title": head, **fields}
        number = self.ask("POST /pulls", login, body)["number"]
        return next(pull for pull in self.home.pulls if pull.number == number)

    def before(self, workflow: str, job: str, step: str, action: Callable[[], None]) -> None:
        """Do something just before the next such step, while its run is in progress."""
        self.hooks.append(Hook(workflow, job, step, lambda place: action()))

    def kill(self, workflow: str, job: str, step: str, request: str = "") -> None:
        """Lose the runner just before the next such step: no step follows, whatever its condition.

        Parameters
        ----------
        request : lose it in the step instead, when it sends the first request that this pattern of
            `METHOD /path` finds: the request is served, the answer reaches nobody.
        """

        def lose(place: Place) -> None:
            if request:
                self.github.faults.before(request, place.lose)
            else:
                place.lose()

        self.hooks.append(Hook(workflow, job, step, lose))

    def cancel(self, run: Run | None = None) -> None:
        """Cancel a run, by default the one in progress, as a person does: `always()` still runs."""
        run = run or self.line.running[-1]
        if run not in self.line.waiting:
            run.cancel()
            return
        self.line.waiting.remove(run)
        self._finish(run, "cancelled")

    def approve(self, run: Run) -> None:
        """Let a run begin that waits for a person with write access."""
        assert run.conclusion == "action_required"
        run.conclusion = ""
        with self.github.lock:
            runs.approve(self.records[run.id])
            self.line.enter(run)

    def rerun(self, run: Run, login: str = "ada", failed: bool = False) -> Run:
        """Run it again, or only its failed jobs: the same commit and event, the next attempt."""
        assert run.conclusion not in ("", "action_required")
        again = runner.again(run, failed, login)
        self.runs.append(again)
        with self.github.lock:
            runs.rerun(self.github, self.home, self.records[run.id], login)
            self.line.enter(again)
        return again

    def schedule(self) -> None:
        """Let the hour come that scheduled workflows wait for."""
        with self.github.lock:
            branch = f"refs/heads/{self.home.default_branch}"
            where = branch, self.home.bare.git("rev-parse", branch)
            token = self.github.system(self.home.owner)
            fire(self.github, self.home, token, "schedule", None, where, schedule="0 0 * * *")

    def enqueue(self, pull: PullRequest) -> None:
        """Add a pull request to the merge queue."""
        with self.github.lock:
            queueing.enqueue(self.github, self.home, pull)

    def _start(self, event: Event) -> None:
        """Put a run of each workflow that an event starts in line."""
        for path, tree, meant in self.workflows.started_by(event):
            if tree is None:
                record = runs.start_run(self.github, event, path, path)
                runs.finish_run(self.github, self.home, record, "startup_failure")
                continue
            run = runner.first(self.actions, path, tree, meant, self.machine)
            self.runs.append(run)
            record = runs.start_run(self.github, event, path, run.name, number=run.id)
            self.records[run.id] = record
            if event.needs_approval:
                run.conclusion = "action_required"
            else:
                record.status = "queued"
                self.line.enter(run)

    def _perform(self, run: Run) -> None:
        """Run it to its end, whatever that is."""
        self.line.waiting.remove(run)
        self.line.running.append(run)
        self.records[run.id].status = "in_progress"
        try:
            runner.execute(run)
        finally:
            self.line.running.remove(run)
        self._finish(run, run.conclusion)

    def _finish(self, run: Run, conclusion: str) -> None:
        run.conclusion = conclusion
        with self.github.lock:
            tell(self.github, self.home, self.records[run.id], run)
            runs.finish_run(self.github, self.home, self.records[run.id], conclusion)

    def _before(self, place: Place, step: Step) -> None:
        self._watch(place.run)
        for hook in [hook for hook in self.hooks if hook.meets(place, step)]:
            self.hooks.remove(hook)
            hook.action(place)

    def _watch(self, run: Run) -> None:
        with self.github.lock:
            tell(self.github, self.home, self.records[run.id], run)
            self.heed()
