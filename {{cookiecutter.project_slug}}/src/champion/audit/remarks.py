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
    versions, step : in whose chains, and at which of STEPS; empty where it is in none.
    checked : False: nothing is known to be wrong, as this could not be looked at.
    """

    area: str
    text: str
    versions: tuple[str, ...] = ()
    step: str = ""
    checked: bool = True
