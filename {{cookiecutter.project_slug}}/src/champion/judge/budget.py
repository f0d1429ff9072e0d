"""The budget of a holdout: how often its rows were asked already.

A holdout that is asked often enough says yes to noise. A look belongs to rows, not to a file: what
counts is how many of a holdout's rows were in no earlier look. To compare thousands of holdouts, of
each only the rows with the lowest hashes are kept, the same rows in all of them (coordinated
sampling: Cohen & Kaplan 2007).
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 4096  # hashes of a sketch
MOST_SEEN = 16 * MOST  # hashes of all holdouts together
FEWEST = 64  # hashes left to compare; with fewer nothing can be told, so nothing starts anew
BITS = 64

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Look:
    """A look that was spent: the sketch of its holdout, and whether its verdict merges."""

    sketch: dict[str, Any]
    merge: bool


@dataclass(frozen=True)
class Budget:
    """Where a holdout stands: the number of the next look, from 1, and the merges before it."""

    look: int
    merges: int


def sketch(row_ids: Iterable[str]) -> dict[str, Any]:
    """Sample row ids: those whose hash is below 2^(64 - level); all of up to 4,096.

    Returns
    -------
    JSON: rows, level, and the hashes in ascending order, little-endian, as base64.
    """
    digests = b"".join(blake2b(row.encode(), digest_size=BITS // 8).digest() for row in row_ids)
    found = np.unique(np.frombuffer(digests, dtype="<u8"))
    rows, level = len(found), 0
    while len(found) > MOST:
        level += 1
        found = below(found, level)
    return {"rows": rows, "level": level, "hashes": base64.b64encode(found.tobytes()).decode()}


def hashes(held: dict[str, Any]) -> Hashes:
    """The hashes of a sketch that somebody else wrote.

    Raises
    ------
    ValueError, TypeError, KeyError : it is no sketch.
    """
    rows, level = held["rows"], held["level"]
    found = np.frombuffer(base64.b64decode(held["hashes"], validate=True), dtype="<u8")
    if type(rows) is not int or type(level) is not int or not 0 <= level < BITS:
        raise ValueError("rows and level are whole numbers")
    if len(found) > min(rows, MOST) or (level == 0 and len(found) < rows):
        raise ValueError("rows and hashes differ")
    if (found[1:] <= found[:-1]).any() or len(below(found, level)) < len(found):
        raise ValueError("the hashes are out of order or range")
    return found


def below(found: Hashes, level: int) -> Hashes:
    """The hashes that a sketch of this level keeps."""
    return found[found < np.uint64(2 ** (BITS - level))] if level else found


def count(looks: Iterable[Look], holdout: dict[str, Any]) -> Budget:
    """Where a holdout, given by its sketch, stands after these looks."""
    *_, last = budgets([*looks, Look(holdout, merge=False)])
    return last


def budgets(looks: Iterable[Look]) -> Iterator[Budget]:
    """Where each look stood; the count starts anew once half of its rows were in none before."""
    known: set[str] = set()  # sketches, so that the same holdout is compared once
    seen: set[int] = set()
    level = look = merges = 0
    for it in looks:
        if it.sketch["hashes"] not in known:
            known.add(it.sketch["hashes"])
            every = hashes(it.sketch)
            level = max(level, it.sketch["level"])
            mine = set(below(every, level).tolist())
            fresh = len(mine - seen)
            if len(mine) >= min(FEWEST, max(len(every), 1)) and 2 * fresh >= len(mine):
                look = merges = 0
            seen |= mine
            while len(seen) > MOST_SEEN:
                level += 1
                seen = {hashed for hashed in seen if hashed < 2 ** (BITS - level)}
        look += 1
        yield Budget(look, merges)
        merges += it.merge
