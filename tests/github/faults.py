"""What shall go wrong, and when."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from .answers import Answer, Refused


@dataclass
class Fault:
    """Befalls the next requests whose `METHOD /path` matches."""

    pattern: re.Pattern[str]
    times: int
    answer: Answer | None = None  # None: the connection is dropped
    action: Callable[[], None] | None = None  # done first; the request is then served
    heard: float = 1.0  # the share of the answer that arrives, where the request is served


class Faults:
    """A queue; each request meets the first fault that matches it."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def fail(self, pattern: str, status: int = 500, times: int = 1) -> None:
        """Answer the next requests with a status."""
        self._add(pattern, times, Refused(status, f"Server said {status}").answer())

    def drop(self, pattern: str, times: int = 1) -> None:
        """Close the connection without an answer."""
        self._add(pattern, times, None)

    def lose(self, pattern: str, times: int = 1) -> None:
        """Do what the next requests ask for, and close the connection without an answer."""
        self.waiting.append(Fault(re.compile(pattern), times, heard=0.0))

    def cut(self, pattern: str, times: int = 1) -> None:
        """Close the connection in the middle of the next answers."""
        self.waiting.append(Fault(re.compile(pattern), times, heard=0.5))

    def answer(self, pattern: str, answer: Answer, times: int = 1) -> None:
        """Answer the next requests with this."""
        self._add(pattern, times, answer)

    def rate_limit(self, pattern: str, times: int = 1) -> None:
        """Answer as when the hour's requests are used up."""
        answer = Refused(403, "API rate limit exceeded for installation.").answer()
        answer.headers = {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(time.time()) + 1),
            "Retry-After": "1",
        }
        self._add(pattern, times, answer)

    def before(self, pattern: str, action: Callable[[], None], times: int = 1) -> None:
        """Do something just before the next requests are served: a push that comes between."""
        self.waiting.append(Fault(re.compile(pattern), times, action=action))

    def _add(self, pattern: str, times: int, answer: Answer | None) -> None:
        self.waiting.append(Fault(re.compile(pattern), times, answer))

    def meet(self, request: str) -> Fault | None:
        """The fault that this request meets, which is used up by one."""
        for fault in self.waiting:
            if fault.pattern.search(request):
                fault.times -= 1
                if fault.times == 0:
                    self.waiting.remove(fault)
                return fault
        return None
