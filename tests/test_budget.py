"""A look belongs to rows: what starts a new budget, and what does not."""

import base64
import functools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from champion.judge import budget
from champion.judge.budget import MOST, Budget, Look, budgets, count, hashes, sketch

Rows = set[int]


def named(rows: range | Rows) -> list[str]:
    return [f"row {number}" for number in rows]


def look(rows: range | Rows, merge: bool = False) -> Look:
    return Look(sketch(named(rows)), merge)


@functools.cache
def large(start: int, length: int) -> dict[str, Any]:
    """The sketch of so many blocks of rows."""
    return sketch(named(range(1500 * start, 1500 * (start + length))))


def packed(*found: int) -> dict[str, Any]:
    """A sketch of these hashes."""
    content = base64.b64encode(b"".join(it.to_bytes(8, "little") for it in found)).decode()
    return {"rows": len(found), "level": 0, "hashes": content}


def by_hand(looks: list[tuple[Rows, bool]]) -> list[Budget]:
    """The same with full sets of rows."""
    seen: Rows = set()
    found: list[Budget] = []
    number = merges = 0
    for rows, merge in looks:
        if rows and 2 * len(rows - seen) >= len(rows):
            number = merges = 0
        seen |= rows
        number += 1
        found.append(Budget(number, merges))
        merges += merge
    return found


@given(st.lists(st.tuples(st.sets(st.integers(0, 40)), st.booleans()), max_size=12))
def test_small_holdouts_are_counted_exactly(looks: list[tuple[Rows, bool]]) -> None:
    assert list(budgets(look(*it) for it in looks)) == by_hand(looks)
    for known in range(len(looks)):
        stands = count([look(*it) for it in looks[:known]], sketch(named(looks[known][0])))
        assert stands == by_hand(looks)[known]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6), st.booleans()), min_size=1, max_size=6)
)
def test_large_holdouts_are_counted_from_their_samples(spans: list[tuple[int, int, bool]]) -> None:
    blocks = [(set(range(start, start + length)), merge) for start, length, merge in spans]
    seen: Rows = set()
    clear = []  # where the share of fresh rows is not near one half, which a sample cannot tell
    for mine, _ in blocks:
        clear.append(abs(len(mine - seen) / len(mine) - 0.5) > 0.1)
        seen |= mine
    looks = [Look(large(min(mine), len(mine)), merge) for mine, merge in blocks]
    if all(clear):
        assert list(budgets(looks)) == by_hand(blocks)


@pytest.mark.parametrize(("rows", "level"), [(MOST, 0), (MOST + 1, 1), (20_000, 3)])
def test_a_sketch_is_small_and_the_same_rows_of_every_holdout(rows: int, level: int) -> None:
    held = sketch(named(range(rows)))
    assert (held["rows"], held["level"]) == (rows, level)
    assert len(hashes(held)) <= MOST
    assert len(json.dumps(held)) < 50_000
    assert held == sketch(reversed(named(range(rows))))
    more = {int(it) for it in hashes(sketch(named(range(2 * rows))))}
    kept = {int(it) for it in hashes(held)}
    assert {it for it in more if it < 2**64 >> level} & kept == {it for it in kept if it in more}
    assert more & kept


def test_sixty_verdicts_that_each_add_a_row_get_no_new_budget() -> None:
    looks = [look(range(5000 + number), merge=number % 10 == 0) for number in range(60)]
    stands = list(budgets(looks))
    assert [it.look for it in stands] == list(range(1, 61))
    assert stands[-1].merges == 6


@pytest.mark.parametrize(
    ("fresh", "stands"), [(500, Budget(1, 0)), (499, Budget(4, 3)), (1000, Budget(1, 0))]
)
def test_half_fresh_rows_are_a_new_budget(fresh: int, stands: Budget) -> None:
    before = [look(range(1000), merge=True)] * 3
    assert count(before, sketch(named(range(fresh, fresh + 1000)))) == stands


def test_each_month_has_a_budget_and_an_old_month_none() -> None:
    months = [look(range(start, start + 20_000)) for start in range(0, 400_000, 20_000)]
    assert {it.look for it in budgets(months)} == {1}
    assert count(months, months[0].sketch).look == 2
    both = [it for month in months for it in (month, month)]
    assert [it.look for it in budgets(both)] == [1, 2] * len(months)


def test_a_holdout_too_small_beside_the_earlier_ones_starts_nothing_anew() -> None:
    large = look(range(200_000))  # of which one row in 64 is kept
    assert count([large], sketch(named(range(300_000, 300_100)))).look == 2


def test_what_was_seen_is_never_forgotten() -> None:
    """Memory is bounded by keeping fewer rows of all holdouts, not by dropping the oldest."""
    months = [look(range(start, start + 4000)) for start in range(0, 120_000, 4000)]
    again = list(budgets([*months, *months]))[len(months) :]
    assert [it.look for it in again] == list(range(2, 2 + len(months)))
    assert count(months, sketch(named(range(500_000, 504_000)))) == Budget(1, 0)


def test_memory_is_bounded_and_the_same_holdout_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "MOST_SEEN", 128)
    read: list[Any] = []

    def counted(held: dict[str, Any]) -> Any:
        read.append(held)
        return hashes(held)

    monkeypatch.setattr(budget, "hashes", counted)
    looks = [look(range(4000)), look(range(1000, 5000))] * 20
    # Of 5,000 rows at most 128 are kept, of 100 others too few to tell that they are others.
    assert count(looks, sketch(named(range(9000, 9100)))).look == 41
    assert len(read) == 3


@pytest.mark.parametrize(
    "forged",
    [
        packed(1, 1),
        packed(2, 1),
        packed(*range(MOST + 1)),
        {**packed(1, 2), "rows": 3},
        {**packed(1, 2), "rows": 1},
        {**packed(1, 2), "rows": 2.0},
        {**packed(1), "rows": True},
        {**packed(1, 2), "level": 64},
        {**packed(1, 2), "level": -1},
        {**packed(1, 2**40), "level": 24},
        {**packed(1), "hashes": "AAAA"},
        {**packed(1), "hashes": "é"},
        {**packed(1), "hashes": 3},
        {"rows": 1, "level": 0},
        [],
        None,
    ],
    ids=lambda it: str(it)[:40],
)
def test_what_is_no_sketch_is_refused(forged: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        hashes(forged)


def test_a_sketch_is_read_back() -> None:
    assert hashes({**packed(1, 2**40 - 1), "level": 24, "rows": 9}).tolist() == [1, 2**40 - 1]
