"""What an audit remarks: something that is wrong, or that could not be checked."""

from dataclasses import dataclass

LEDGER, TAGS, EVENTS, ARTIFACTS, RUNS = AREAS = ("ledger", "tags", "events", "artifacts", "runs")
STEPS = ("data", "code", "parameters", "verdict", "approvals", "promotion", "rollback")


@dataclass(frozen=True)
class Remark:
    """One sentence: what, where, and what to do.

    Parameters
    ----------
    area : one of AREAS.
    version, step : of whose chain, and which of STEPS; empty where it is of none.
    checked : False: nothing is known to be wrong, as this could not be looked at.
    """

    area: str
    text: str
    version: str = ""
    step: str = ""
    checked: bool = True
