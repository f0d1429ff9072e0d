"""Releases and their files."""

from .. import shapes
from ..answers import Answer, Refused, invalid
from ..pages import page
from ..requests import Request
from ..routing import route
from ..state import Asset, Release
from . import references
from .repositories import HOME

READ, WRITE = "contents: read", "contents: write"
RELEASES = f"{HOME}/releases"


def shape(request: Request, release: Release) -> shapes.Shape:
    return shapes.release(request.github, request.repository, release)


@route(f"GET {RELEASES}", READ)
def listed(request: Request) -> Answer:
    """Newest first."""
    found = request.repository.releases[::-1]
    return page(request, found, lambda release: shape(request, release))


@route(f"POST {RELEASES}", WRITE)
def create(request: Request) -> Answer:
    """Release a tag, which is made on `target_commitish` if it is not there."""
    repository, fields, tag = request.repository, request.json(), request.text("tag_name")
    target = fields.get("target_commitish", repository.default_branch)
    if any(release.tag == tag for release in repository.releases):
        raise invalid(
            "Validation Failed", resource="Release", code="already_exists", field="tag_name"
        )
    release = Release(
        id=request.github.number(),
        tag=tag,
        target=target,
        name=fields.get("name"),
        body=fields.get("body"),
        draft=fields.get("draft", False),
        prerelease=fields.get("prerelease", False),
        author=request.caller.actor,
    )
    if not release.draft:
        make_tag(request, release)
    repository.releases.append(release)
    return Answer(shape(request, release), 201)


def make_tag(request: Request, release: Release) -> None:
    name = f"refs/tags/{release.tag}"
    if name not in request.repository.bare.references("refs/tags"):
        sha = request.repository.bare.resolve(release.target)
        if sha is None:
            raise invalid("Validation Failed", field="target_commitish", code="invalid")
        references.move(request, name, None, sha)


@route(f"GET {RELEASES}/latest", READ)
def latest(request: Request) -> Answer:
    for release in reversed(request.repository.releases):
        if not release.draft and not release.prerelease:
            return Answer(shape(request, release))
    raise Refused(404)


@route(f"GET {RELEASES}/tags/{{tag:path}}", READ)
def by_tag(request: Request, tag: str) -> Answer:
    for release in request.repository.releases:
        if release.tag == tag and not release.draft:
            return Answer(shape(request, release))
    raise Refused(404)


def find(request: Request, number: str) -> Release:
    for release in request.repository.releases:
        if str(release.id) == number:
            return release
    raise Refused(404)


@route(f"GET {RELEASES}/{{number}}", READ)
def show(request: Request, number: str) -> Answer:
    return Answer(shape(request, find(request, number)))


@route(f"PATCH {RELEASES}/{{number}}", WRITE)
def change(request: Request, number: str) -> Answer:
    release, fields = find(request, number), request.json()
    for name in ("name", "body", "draft", "prerelease"):
        if name in fields:
            setattr(release, name, fields[name])
    if not release.draft:
        make_tag(request, release)
    return Answer(shape(request, release))


@route(f"DELETE {RELEASES}/{{number}}", WRITE)
def delete(request: Request, number: str) -> Answer:
    """Delete the release; its tag stays."""
    request.repository.releases.remove(find(request, number))
    return Answer(status=204)


@route(f"GET {RELEASES}/{{number}}/assets", READ)
def assets(request: Request, number: str) -> Answer:
    release = find(request, number)
    return page(request, release.assets, lambda asset: asset_shape(request, release, asset))


def asset_shape(request: Request, release: Release, asset: Asset) -> shapes.Shape:
    (made,) = shapes.assets(request.github, request.repository, release.tag, [asset])
    return made


@route(f"POST {RELEASES}/{{number}}/assets", WRITE)
def upload(request: Request, number: str) -> Answer:
    """Keep a file under `?name=`; its bytes are the body."""
    release, name = find(request, number), request.query.get("name")
    if not name or not request.body:
        raise Refused(400, "Bad Request")
    if any(asset.name == name for asset in release.assets):
        raise invalid(
            "Validation Failed", resource="ReleaseAsset", code="already_exists", field="name"
        )
    asset = Asset(
        id=request.github.number(),
        name=name,
        label=request.query.get("label"),
        content=request.body,
        content_type=request.headers.get("content-type", "application/octet-stream"),
        uploader=request.caller.actor,
    )
    release.assets.append(asset)
    return Answer(asset_shape(request, release, asset), 201)


@route(f"GET {RELEASES}/assets/{{number}}", READ)
def download(request: Request, number: str) -> Answer:
    """What is known of a file, or with `Accept: application/octet-stream` its bytes."""
    release, asset = find_asset(request, number)
    if request.headers.get("accept") == "application/octet-stream":
        return Answer(asset.content)
    return Answer(asset_shape(request, release, asset))


@route(f"DELETE {RELEASES}/assets/{{number}}", WRITE)
def delete_asset(request: Request, number: str) -> Answer:
    release, asset = find_asset(request, number)
    release.assets.remove(asset)
    return Answer(status=204)


def find_asset(request: Request, number: str) -> tuple[Release, Asset]:
    for release in request.repository.releases:
        for asset in release.assets:
            if str(asset.id) == number:
                return release, asset
    raise Refused(404)
