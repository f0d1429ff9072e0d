"""Which model a verdict is about."""

from dataclasses import dataclass
from typing import Any, Self

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
        said = event.body.get("challenger") if event.kind == "verdict" else None
        its = known(said, "model")
        found = (
            known(said, "commit"), known(its, "md5"), known(said, "data"), known(its, "sha256"),
            known(said, "predictions_sha256"),
        )  # fmt: skip
        return cls(*(it if isinstance(it, str) else "" for it in found))


def known(said: Any, key: str) -> Any:
    return said.get(key) if isinstance(said, dict) else None
