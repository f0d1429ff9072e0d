"""Only models that beat the current one get merged."""

from typing import Any

__version__ = "0.1.0"


def load(version: str | None = None) -> Any:
    """The live model, or that of a version such as "v1.1.0": see `champion.serve.model.Model`."""
    from champion.serve.model import load

    return load(version)
