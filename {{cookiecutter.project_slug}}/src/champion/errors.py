"""Errors that are for people: one sentence, no traceback."""


class Refusal(Exception):
    """Something the user can put right: what was wrong, where, and what to do next.

    Parameters
    ----------
    message : one or two plain sentences.
    code : the exit code; 2 for bad usage or settings.
    """

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def shown(text: str, most: int = 200) -> str:
    """Somebody else's words on one line, harmless to a terminal."""
    line = "".join(c if c.isprintable() else "?" for c in text[: most + 1])
    return line if len(line) <= most else f"{line[:most]}…"


class BadData(Refusal):
    """The data were read and must not go further; exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=1)
