"""The jobs that a strategy makes of one."""

import itertools
from typing import Any

from .language import text

Leg = dict[str, Any]


def expand(matrix: dict[str, Any]) -> list[Leg]:
    """Combine, exclude, include, in the order of GitHub's documentation.

    Parameters
    ----------
    matrix : evaluated; `{}` is one job without a matrix.
    """
    axes = {key: values for key, values in matrix.items() if key not in ("include", "exclude")}
    combined = [
        dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
    ]
    legs = [
        leg for leg in combined if not any(fits(one, leg) for one in matrix.get("exclude") or [])
    ]
    if not axes:
        legs = [] if matrix.get("include") else [{}]
    original = [dict(leg) for leg in legs]
    for extra in matrix.get("include") or []:
        shared = {key: value for key, value in extra.items() if key in axes}
        places = [place for place, leg in enumerate(original) if fits(shared, leg)]
        for place in places:
            legs[place].update(extra)
        if not places:
            legs.append(dict(extra))
    return legs


def fits(part: Leg, leg: Leg) -> bool:
    return all(key in leg and leg[key] == value for key, value in part.items())


def title(name: str, leg: Leg) -> str:
    """`test (ubuntu-latest, 3.12)`."""
    values = ", ".join(text(value) for value in leg.values() if not isinstance(value, dict | list))
    return f"{name} ({values})" if values else name
