"""Who asks, and what that allows."""

from collections.abc import Mapping
from dataclasses import dataclass

from .answers import Refused
from .state import ROLES, Repository, User

WRITES = "write"


@dataclass(frozen=True, eq=False)
class Token:
    """A secret that a client sends.

    A person's token may do what the person's role allows. A workflow's or an app's has a map as in
    a workflow's `permissions:` and is for one repository; on a pull request from a fork it reads.
    """

    secret: str
    actor: User
    repository: Repository | None = None
    permissions: Mapping[str, str] | None = None
    fork: bool = False
    app: int | None = None
    workflow: bool = False

    @property
    def quiet(self) -> bool:
        """Whether what it does starts nothing."""
        return self.workflow

    def allows(self, scope: str, level: str) -> bool:
        """Whether the map of permissions holds this one."""
        granted = (self.permissions or {}).get(scope, "read" if scope == "metadata" else "none")
        if level == "read":
            return granted in ("read", WRITES)
        return granted == WRITES and not self.fork


def sees(token: Token | None, repository: Repository) -> bool:
    """Whether the repository exists for who asks."""
    if not repository.private:
        return True
    if token is None:
        return False
    if token.permissions is None:
        return repository.role(token.actor.login) != "none"
    return token.repository is repository


def demand(
    token: Token | None,
    repository: Repository,
    needs: str,
    role: str | None = None,
    public: bool = True,
) -> None:
    """Refuse who may not.

    Parameters
    ----------
    needs
        What a map of permissions must hold, `statuses: write`; alternatives are parted by `|`.
    role
        What a person must be; by default a reader to read, a writer to write.
    public
        Whether anyone may read it where the repository is public.
    """
    if not sees(token, repository):
        raise Refused(404)
    alternatives = [tuple(part.strip().split(": ")) for part in needs.split("|")]
    level = alternatives[0][1]
    if level == "read" and public and not repository.private:
        return
    if token is None:
        raise Refused(401, "Requires authentication")
    if token.permissions is None:
        least = role or level
        if ROLES.index(repository.role(token.actor.login)) < ROLES.index(least):
            raise Refused(403, f"Must have {least} rights to Repository.")
    elif token.repository is not repository or not any(
        token.allows(scope, wanted) for scope, wanted in alternatives
    ):
        raise Refused(403, "Resource not accessible by integration")
