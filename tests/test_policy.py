"""What must hold before a merge, as gate.yaml's `policy` asks for it."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from champion.errors import Refusal
from champion.judge.policy import STATED, checked, reasons, unreviewed
from champion.judge.verdict_file import stops
from champion.settings import Data, Gate, Policy, Settings

CARD = "".join(f"{key}: said\n" for key in STATED)


def why(policy: Policy, card: str | None = CARD, own: Settings | None = None) -> list[str]:
    """The reasons to stop a merge."""

    def read(name: str) -> str:
        if card is None:
            raise FileNotFoundError(name)
        assert name == "card.yaml"
        return card

    return list(reasons(checked(policy, own or Settings(), read)))


def test_nothing_is_asked_where_nothing_is_set() -> None:
    assert checked(Policy(), Settings(), lambda name: pytest.fail(f"{name} is read")) == []


@pytest.mark.parametrize(
    ("card", "missing"),
    [
        (CARD, ""),
        (None, ", ".join(STATED)),
        ("", ", ".join(STATED)),
        ("- a list\n", ", ".join(STATED)),
        ("purpose: [unclosed\n", ", ".join(STATED)),
        (f"more: *{CARD}", ", ".join(STATED)),
        (f"a: &x 1\n{CARD}", ", ".join(STATED)),
        (CARD + "#" * 100_000, ", ".join(STATED)),
        (CARD.replace("limits: said", "limits: Not stated."), "limits"),
        (CARD.replace("limits: said", "limits:"), "limits"),
        (CARD.replace("limits: said", "limits: '  '"), "limits"),
        (CARD.replace("limits: said", 'limits: "\\u200b"'), "limits"),
        (CARD.replace("limits: said", "limits: 7"), "limits"),
        (CARD.replace("contact: said\n", ""), "contact"),
    ],
    ids=lambda it: str(it)[:30],
)
def test_a_card_is_complete_once_all_of_it_is_stated(card: str | None, missing: str) -> None:
    said = [f"Policy card: complete: card.yaml does not state {missing}."] if missing else []
    assert why(Policy(card="complete"), card) == said


def test_the_licence_alone_can_be_asked_for() -> None:
    policy = Policy(licence="stated")
    assert why(policy, "data_licence: CC-BY-4.0\n") == []
    assert why(policy, "purpose: fun\n") == [
        "Policy licence: stated: card.yaml does not state data_licence."
    ]


@pytest.mark.parametrize(
    ("slices", "guards", "said"),
    [
        (["town", "age"], ["slices.age", {"slices.town": "5 %"}], ""),
        (["town", "age"], ["slices.age", "log_loss"], "gate.guards has no slices.town"),
        ([], [], "gate.yaml names no slice"),
    ],
)
def test_each_slice_is_to_be_guarded(slices: list[str], guards: list[str], said: str) -> None:
    own = Settings(data=Data(slices=slices), gate=Gate(guards=[*guards]))
    wanted = [f"Policy slices: guarded: {said}."] if said else []
    assert why(Policy(slices="guarded"), own=own) == wanted


@pytest.mark.parametrize(
    ("rule", "owned", "holds", "waits"),
    [
        ("reviewed", ["src/members/schema.py"], ["an owner has to approve"], True),
        ("reviewed", ["src/members/schema.py"], [], False),
        ("reviewed", ["gate.yaml"], ["an owner has to approve"], False),
        (None, ["src/members/schema.py"], ["an owner has to approve"], False),
    ],
)
def test_a_schema_waits_for_its_owner(
    rule: str | None, owned: list[str], holds: list[str], waits: bool
) -> None:
    assert bool(unreviewed(Policy(schema=rule), owned, holds)) is waits


def test_a_rule_that_does_not_hold_stops_and_never_allows() -> None:
    file: dict[str, Any] = {"guards": [], "slices": [], "caps": [], "policies": []}
    assert stops(file) == []
    file["policies"] = checked(Policy(card="complete"), Settings(), lambda _: "")
    assert stops(file) == ["policy"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"card": "done"}, "policy.card must be complete, or left out, not 'done'"),
        ({"slices": "yes"}, "policy.slices must be guarded, or left out"),
        ({"card": True}, "policy: card must be str or nothing, not True"),
        ({"cards": "complete"}, "policy has an unknown key 'cards': did you mean card"),
    ],
)
def test_a_policy_that_is_none_is_refused_in_a_sentence(
    tmp_path: Path, policy: dict[str, object], words: str
) -> None:
    YAML().dump({"data": {"target": "y"}, "policy": policy}, tmp_path / "gate.yaml")
    with pytest.raises(Refusal, match=words):
        Settings.load(tmp_path)
