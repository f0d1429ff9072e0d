"""Which model a verdict is about."""

from dataclasses import dataclass
from typing import Self

from champion.judge.events import Event


@dataclass(frozen=True)
class Judged:
    """What a verdict says of the challenger, as hashes; empty where it does not say.

    Parameters
    ----------
    commit : that was judged; what is merged is another one.
    model, data : as DVC names them.
    model_sha256, predictions_sha256 : of the files.
    """

    commit: str = ""
    model: str = ""
    data: str = ""
    model_sha256: str = ""
    predictions_sha256: str = ""

    @classmethod
    def of(cls, event: Event) -> Self:
        """Of any event: one that is no verdict is about nothing."""
        said = (event.body["challenger"] or {}) if event.kind == "verdict" else {}
        its = said.get("model") or {}
        found = (
            said.get("commit"), its.get("md5"), said.get("data"), its.get("sha256"),
            said.get("predictions_sha256"),
        )  # fmt: skip
        return cls(*(str(it or "") for it in found))
