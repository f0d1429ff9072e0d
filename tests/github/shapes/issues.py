"""Issues, pull requests, comments and labels."""

from typing import TYPE_CHECKING

from .. import rules
from ..state import Comment, Issue, Label, PullRequest, Repository, Review, User
from .repositories import Shape, home, node, repository, time, user

if TYPE_CHECKING:
    from ..service import GitHub


def label(github: "GitHub", where: Repository, which: Label) -> Shape:
    return {
        "id": which.id,
        "node_id": node("Label", which.id),
        "url": f"{home(github, where)}/labels/{which.name}",
        "name": which.name,
        "color": which.color,
        "description": which.description,
        "default": False,
    }


def association(where: Repository, who: User) -> str:
    if who is where.owner:
        return "OWNER"
    return "COLLABORATOR" if who.login in where.roles else "NONE"


def issue(github: "GitHub", where: Repository, which: Issue) -> Shape:
    api, is_pull = home(github, where), isinstance(which, PullRequest)
    kind = "pull" if is_pull else "issues"
    page = f"{github.url}/{where.full_name}/{kind}/{which.number}"
    return {
        "id": which.id,
        "node_id": node("Issue", which.id),
        "url": f"{api}/issues/{which.number}",
        "html_url": page,
        "comments_url": f"{api}/issues/{which.number}/comments",
        "number": which.number,
        "title": which.title,
        "body": which.body,
        "state": which.state,
        "user": user(github, which.author),
        "labels": [label(github, where, where.labels[name]) for name in which.labels],
        "assignees": [],
        "comments": len(which.comments),
        "created_at": time(which.created_at),
        "updated_at": time(which.updated_at),
        "closed_at": time(which.closed_at),
        "author_association": association(where, which.author),
        **(
            {"pull_request": {"url": f"{api}/pulls/{which.number}", "html_url": page}}
            if is_pull
            else {}
        ),
    }


def comment(github: "GitHub", where: Repository, which: Comment, number: int) -> Shape:
    api = home(github, where)
    return {
        "id": which.id,
        "node_id": node("IssueComment", which.id),
        "url": f"{api}/issues/comments/{which.id}",
        "html_url": f"{github.url}/{where.full_name}/pull/{number}#issuecomment-{which.id}",
        "issue_url": f"{api}/issues/{number}",
        "body": which.body,
        "user": user(github, which.author),
        "created_at": time(which.created_at),
        "updated_at": time(which.updated_at),
        "author_association": association(where, which.author),
    }


def review(github: "GitHub", where: Repository, which: Review, number: int) -> Shape:
    page = f"{github.url}/{where.full_name}/pull/{number}"
    return {
        "id": which.id,
        "node_id": node("PullRequestReview", which.id),
        "user": user(github, which.author),
        "body": which.body,
        "state": which.state,
        "commit_id": which.commit,
        "submitted_at": time(which.submitted_at),
        "html_url": f"{page}#pullrequestreview-{which.id}",
        "pull_request_url": f"{home(github, where)}/pulls/{number}",
        "author_association": association(where, which.author),
    }


def pull(github: "GitHub", where: Repository, which: PullRequest, single: bool = False) -> Shape:
    """A pull request; a list of them does not tell whether each can be merged."""
    api = f"{home(github, where)}/pulls/{which.number}"
    source = which.head_repository

    def branch(of: Repository, name: str, sha: str) -> Shape:
        return {
            "label": f"{of.owner.login}:{name}",
            "ref": name,
            "sha": sha,
            "user": user(github, of.owner),
            "repo": repository(github, of),
        }

    shape = issue(github, where, which)
    del shape["pull_request"], shape["comments"]
    shape |= {
        "node_id": node("PullRequest", which.id),
        "url": api,
        "diff_url": f"{shape['html_url']}.diff",
        "issue_url": f"{home(github, where)}/issues/{which.number}",
        "commits_url": f"{api}/commits",
        "statuses_url": f"{home(github, where)}/statuses/{which.head_sha}",
        "draft": which.draft,
        "head": branch(source, which.head_branch, which.head_sha),
        "base": branch(where, which.base_branch, which.base_sha),
        "merge_commit_sha": which.merge_commit_sha,
        "merged_at": time(which.merged_at),
        "auto_merge": None,
    }
    if single:
        files = where.bare.changed(
            where.bare.merge_base(which.base_sha, which.head_sha) or which.base_sha, which.head_sha
        )
        is_open = which.state == "open"
        shape |= {
            "merged": which.merged_at is not None,
            "merged_by": which.merged_by and user(github, which.merged_by),
            "mergeable": which.mergeable if is_open else None,
            "mergeable_state": rules.merge_state(where, which) if is_open else "unknown",
            "maintainer_can_modify": source is not where,
            "comments": len(which.comments),
            "commits": len(where.bare.between(which.base_sha, which.head_sha)),
            "changed_files": len(files),
        }
    return shape
