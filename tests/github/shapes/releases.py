"""Releases and their files."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from ..state import Asset, Release, Repository
from .repositories import Shape, home, node, time, user

if TYPE_CHECKING:
    from ..service import GitHub


def release(github: "GitHub", where: Repository, which: Release) -> Shape:
    api = f"{home(github, where)}/releases/{which.id}"
    return {
        "id": which.id,
        "node_id": node("Release", which.id),
        "url": api,
        "html_url": f"{github.url}/{where.full_name}/releases/tag/{which.tag}",
        "assets_url": f"{api}/assets",
        "upload_url": f"{github.uploads}/repos/{where.full_name}/releases/{which.id}/assets{{?name,label}}",
        "tag_name": which.tag,
        "target_commitish": which.target,
        "name": which.name,
        "body": which.body,
        "draft": which.draft,
        "prerelease": which.prerelease,
        "author": user(github, which.author),
        "created_at": time(which.created_at),
        "published_at": None if which.draft else time(which.created_at),
        "assets": assets(github, where, which.tag, which.assets),
    }


def assets(github: "GitHub", where: Repository, tag: str, files: Sequence[Asset]) -> list[Shape]:
    pages = f"{github.url}/{where.full_name}/releases/download/{tag}"
    return [
        {
            "id": file.id,
            "node_id": node("ReleaseAsset", file.id),
            "url": f"{home(github, where)}/releases/assets/{file.id}",
            "browser_download_url": f"{pages}/{file.name}",
            "name": file.name,
            "label": file.label,
            "state": "uploaded",
            "content_type": file.content_type,
            "size": len(file.content),
            "digest": f"sha256:{sha256(file.content).hexdigest()}",
            "uploader": user(github, file.uploader),
            "created_at": time(file.created_at),
            "updated_at": time(file.created_at),
        }
        for file in files
    ]
