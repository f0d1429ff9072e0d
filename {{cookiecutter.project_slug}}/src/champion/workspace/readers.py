"""Who can read what is pushed to a remote."""

import json
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

SECONDS = 5
# Hosts that answer strangers who ask for a private repository as if there were none.
SECRETIVE = {"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"}


@dataclass(frozen=True)
class Readers:
    """Whether everybody can read a repository (None: nobody knows), and that in words."""

    public: bool | None
    words: str


@dataclass(frozen=True)
class Address:
    """A repository on a host, taken from the URL of a remote."""

    scheme: str
    host: str  # with its port
    path: str  # owner/name

    @property
    def owner(self) -> str:
        return self.path.partition("/")[0]

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"


def address(url: str) -> Address | None:
    """Read a remote's URL; None for a folder on this machine."""
    scheme, path = "https", ""
    if re.match(r"[a-z+]+://", url):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "file" or not parts.hostname:
            return None
        web = parts.scheme in ("http", "https")
        host = parts.hostname + (f":{parts.port}" if web and parts.port else "")
        scheme, path = ("http" if parts.scheme == "http" else "https"), parts.path
    elif found := re.match(r"(?:[^@/\\]+@)?([^:/\\]{2,}):(?!\\)(.+)", url):
        host, path = found[1], found[2]
    else:
        return None
    return Address(scheme, host, path.strip("/").removesuffix(".git"))


def readers(url: str) -> Readers:
    """Find out who can read the repository at a remote's URL; takes at most some seconds."""
    where = address(url)
    if not where:
        return Readers(False, f"whoever can read the folder {url.removeprefix('file://')}")
    found = ask_gh(where)
    public = found.lower() == "public" if found else anonymous(where)
    if public:
        return Readers(True, f"everybody: {where} is public")
    if public is None:
        return Readers(None, f"nobody here knows: {where} did not say whether it is public")
    if found.lower() == "internal":
        return Readers(False, f"everybody in the organisation of {where}")
    return Readers(False, f"whoever has access to {where}, which is not public")


def ask_gh(where: Address) -> str:
    """What the GitHub CLI says: public, private, internal; empty if it cannot tell."""
    program = shutil.which("gh") if "github" in where.host else None
    if not program:
        return ""
    command = [program, "repo", "view", str(where), "--json", "visibility"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=SECONDS)
        return str(json.loads(done.stdout)["visibility"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return ""


def anonymous(where: Address) -> bool | None:
    """Whether a stranger can clone the repository; None if that cannot be found out."""
    answer: list[int] = []
    thread = threading.Thread(target=lambda: answer.append(status(where)), daemon=True)
    thread.start()
    thread.join(SECONDS)  # a name that never resolves has no time-out of its own
    if answer == [200]:
        return True
    return False if where.host in SECRETIVE and answer in ([401], [404]) else None


def status(where: Address) -> int:
    """The host's answer to the first request of a clone without credentials; 0 for none."""
    path = urllib.parse.quote(where.path)
    url = f"{where.scheme}://{where.host}/{path}.git/info/refs?service=git-upload-pack"
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "git/2"})
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0
