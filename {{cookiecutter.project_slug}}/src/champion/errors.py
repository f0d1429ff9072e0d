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


class BadData(Refusal):
    """The data were read and must not go further; exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=1)
