"""What the server knows, as plain records."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .bare import Bare

ROLES = ("none", "read", "triage", "write", "maintain", "admin")
ACTIONS_APP = 15368  # GitHub Actions itself: the app of every workflow's token
KEPT = timedelta(days=90)


def now() -> datetime:
    """The time in UTC, to the second, as the API tells it."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class User:
    """A person, an organisation or a bot."""

    login: str
    id: int
    kind: str = "User"


@dataclass(kw_only=True)
class Comment:
    """A comment on an issue or a pull request."""

    id: int
    author: User
    body: str
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class Issue:
    """An issue; a pull request is one too, and shares the numbers."""

    id: int
    number: int
    title: str
    body: str | None
    author: User
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    closed_at: datetime | None = None


@dataclass(kw_only=True)
class Review:
    """What a reviewer said of a pull request: APPROVED, CHANGES_REQUESTED or COMMENTED."""

    id: int
    author: User
    state: str
    body: str
    commit: str
    submitted_at: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class PullRequest(Issue):
    """A request to merge a branch, of this repository or of a fork."""

    head_repository: "Repository"
    head_branch: str
    head_sha: str
    base_branch: str
    base_sha: str  # the base's tip when the head was last pushed: it does not follow the base
    draft: bool = False
    mergeable: bool = True
    merge_commit_sha: str | None = None  # the test merge; once merged, the commit on the base
    merged_at: datetime | None = None
    merged_by: User | None = None
    reviews: list[Review] = field(default_factory=list)


@dataclass(kw_only=True)
class Status:
    """A commit status; a later one of the same context replaces it."""

    id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: User
    app: int | None
    created_at: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class CheckRun:
    """A check of a commit; every job of a workflow is one."""

    id: int
    name: str
    sha: str
    app: int | None
    status: str = "queued"
    conclusion: str | None = None
    details_url: str | None = None
    external_id: str = ""
    output: dict[str, Any] = field(default_factory=dict)
    started_at: datetime = field(default_factory=now)
    completed_at: datetime | None = None


@dataclass(kw_only=True)
class Artifact:
    """What a run left: the bytes of a zip file."""

    id: int
    name: str
    content: bytes
    run: "Run"
    created_at: datetime = field(default_factory=now)
    expires_at: datetime = field(default_factory=lambda: now() + KEPT)

    @property
    def expired(self) -> bool:
        return self.expires_at <= now()


@dataclass(kw_only=True)
class Job:
    """A job of one attempt of a run."""

    check: CheckRun
    attempt: int
    steps: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class Run:
    """A run of a workflow."""

    id: int
    number: int
    path: str
    name: str
    event: str
    head_sha: str
    head_branch: str
    head_repository: "Repository"
    actor: User
    triggering_actor: User
    title: str = ""
    attempt: int = 1
    status: str = "queued"
    conclusion: str | None = None
    created_at: datetime = field(default_factory=now)
    started_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    jobs: list[Job] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)


@dataclass(kw_only=True)
class Asset:
    """A file of a release."""

    id: int
    name: str
    label: str | None
    content: bytes
    content_type: str
    uploader: User
    created_at: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class Release:
    """A release of a tag."""

    id: int
    tag: str
    target: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    author: User
    assets: list[Asset] = field(default_factory=list)
    created_at: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class Label:
    """A label that issues and pull requests can carry."""

    id: int
    name: str
    color: str
    description: str = ""


@dataclass
class Entry:
    """A pull request in the merge queue, and the merge that is tried for it."""

    pull: PullRequest
    head_sha: str
    base_sha: str = ""
    sha: str = ""

    @property
    def branch(self) -> str:
        name = f"{self.pull.base_branch}/pr-{self.pull.number}-{self.base_sha}"
        return f"refs/heads/gh-readonly-queue/{name}"


@dataclass(kw_only=True)
class Activity:
    """A branch that moved, and who moved it."""

    id: int
    ref: str
    before: str
    after: str
    kind: str
    actor: User
    time: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class Environment:
    """A place that jobs name; its secrets are for who may enter."""

    id: int
    name: str
    policy: dict[str, bool] | None = None
    rules: list[dict[str, Any]] = field(default_factory=list)
    branches: dict[int, str] = field(default_factory=dict)  # what the policy lets in


@dataclass(kw_only=True, eq=False)
class Repository:
    """A repository: its Git objects are real, the rest is here."""

    id: int
    owner: User
    name: str
    bare: Bare
    private: bool = False
    free: bool = True  # the plan: rules need a paid one where the repository is private
    parent: "Repository | None" = None
    default_branch: str = "main"
    actions_may_open_pulls: bool = False
    workflow_permissions: str = "read"  # what a job's token may that names none
    organisation_decides: bool = False  # on the two settings above
    forks_need_approval: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    checks: list[CheckRun] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    protection: dict[str, dict[str, Any]] = field(default_factory=dict)
    activity: list[Activity] = field(default_factory=list)
    queue: list[Entry] = field(default_factory=list)  # to merge, one after the other
    environments: dict[str, "Environment"] = field(default_factory=dict)
    codeowners_errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[PullRequest]:
        return [issue for issue in self.issues.values() if isinstance(issue, PullRequest)]

    def role(self, login: str) -> str:
        """What a person may do here; anyone reads what is public."""
        return self.roles.get(login, "none" if self.private else "read")
