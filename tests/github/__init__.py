"""A GitHub for the tests: its REST API and its Git over HTTP, in memory and on this machine."""

from . import api
from .events import Event
from .requests import Sent
from .service import GitHub
from .state import PullRequest, Repository, Run
from .tokens import Token

__all__ = ["Event", "GitHub", "PullRequest", "Repository", "Run", "Sent", "Token", "api"]
