"""The model card: what was stated and measured, nothing else; hostile words stay words."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from champion import history
from champion.card import completed as completing
from champion.card.completed import completed, updated
from champion.card.page import as_html
from champion.card.parts import FILES, Parts, Stated, gather
from champion.card.sections import as_markdown
from champion.errors import Refusal
from champion.judge.events import Event
from conftest import Bake

SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
    "Quantitative analyses", "Explanations", "Verdict and approval", "Monitoring",
    "Ethical considerations", "Caveats and recommendations",
]  # fmt: skip
FLOOR = "data:\n  target: won\n"
GATE = """data:
  target: won
  task: binary
  positive: true
  time: day
  slices: [colour, name]
  personal: [name]
  leave_out: [weight]
gate:
  guards: [log_loss]
split:
  window: 7 days
report:
  show_values: true
"""
STATED = """name: Chances
purpose: To know who wins.
limits: It knows one season.
data_licence: CC0-1.0
licence: MIT
"""
HOLDOUT = {
    "task": "binary",
    "rows": 1234,
    "metrics": {
        "roc_auc": {"value": 0.7, "se": 0.01},
        "brier": {"value": 0.2, "se": None},
        "f1": {"value": None, "se": None},
    },
    "slices": [
        {"column": "colour", "value": "red", "rows": 700, "metrics": {"roc_auc": {"value": 0.66, "se": 0.02}}},
        {"column": "name", "value": "trillian", "rows": 300, "metrics": {"roc_auc": {"value": 0.61, "se": 0.02}}},
    ],
    "intersections": [
        {"columns": ["colour", "name"], "values": ["red", "value 2"], "rows": 99, "metrics": {}}
    ],
    "parity": [
        {"column": "colour", "label": "demographic parity difference", "value": 0.11, "lower": 0.05, "upper": 0.17, "highest": "red", "lowest": "blue"}
    ],
    "notes": ["colour: 3 of 5 values are left out", 3],
    "weakest": {
        "metric": "log_loss",
        "parts": [{"where": [{"column": "size", "value": "3 to 5"}], "rows": 80, "value": 0.51, "elsewhere": 0.7, "p": 0.01}],
    },
    "resolution": {"metric": "roc_auc", "smallest_difference": 0.012},
    "calibration": [
        {"said": 0.2, "observed": 0.3, "se": 0.02, "rows": 100},
        {"said": 0.6, "observed": 0.5, "se": 0.02, "rows": 300},
    ],
}  # fmt: skip
REPORTS: dict[str, Any] = {
    "holdout": HOLDOUT,
    "data": {
        "rows": 5000, "columns": 9, "period": ["2020-01-01", "2020-03-31"], "errors": [],
        "warnings": [{"column": "size", "check": "outliers", "count": 7, "share": 0.01, "rows": [3]}],
    },
    "cv": {"roc_auc": 0.71, "rows": 3766},
    "folds": {"roc_auc": [0.70, 0.72, 0.71]},
    "explanation": {
        "rows": 500, "method": "trees", "scale": "log-odds", "note": "500 of 900 rows",
        "features": [{"feature": "size", "weight": 0.4, "weight_se": 0.01, "importance": 0.1,
                      "importance_std": 0.02}],
    },
}  # fmt: skip
LOCK = "scikit-learn==1.9.1 \\\n    --hash=sha256:00\n"
POINTER = f"outs:\n- md5: {'d' * 32}.dir\n  path: raw\n"
DIFFERENCE = {
    "name": "roc_auc", "label": "ROC AUC", "higher_is_better": True, "champion": 0.68,
    "challenger": 0.7, "delta": 0.02, "se": 0.003, "lower": 0.014, "upper": 0.026, "margin": 0.01,
}  # fmt: skip
VERDICT = {
    "verdict": "better", "merge": True, "policy": "improve", "metric": DIFFERENCE,
    "budget": {"look": 3, "max_looks": 50, "merges": 1, "max_merges": 10, "spent": True},
    "guards": [], "slices": [], "caps": [], "reasons": ["ROC AUC is better."], "findings": [],
    "champion": {"version": "v1.0.0", "commit": "a" * 40}, "challenger": {},
}  # fmt: skip


def everything() -> dict[str, str]:
    files = {
        "card.yaml": STATED,
        "gate.yaml": GATE,
        "params.yaml": "model:\n  kind: boosted\nseed: 7\n",
        "requirements.txt": LOCK,
        "data/raw.dvc": POINTER,
    }
    return files | {f"reports/{name}.json": json.dumps(it) for name, it in REPORTS.items()}


def parts(folder: Path, files: dict[str, str]) -> Parts:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return gather(folder, "m" * 32)


def split(text: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The header, and the text of each section."""
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    pieces = re.split(r"(?m)^## (.*)$", body)
    return YAML(typ="safe").load(head), dict(zip(pieces[1::2], pieces[2::2], strict=True))


def test_what_nobody_stated_or_measured_is_said_to_be_so(tmp_path: Path) -> None:
    text = as_markdown(parts(tmp_path, {"gate.yaml": FLOOR}))
    header, sections = split(text)
    assert list(sections) == SECTIONS
    assert header["license"] == "unknown"
    assert not {"model-index", "metrics"} & set(header)
    for title, least in (("Intended use", 3), ("Model details", 3), ("Training data", 4)):
        assert len(re.findall(r"\*not (stated|measured|shown)\*", sections[title])) >= least, title
    for title in ("Quantitative analyses", "Explanations", "Factors", "Evaluation data"):
        assert "*not measured*" in sections[title], title
    assert "*not judged yet*" in sections["Verdict and approval"]
    assert sections["Ethical considerations"].strip() == "*not stated*"
    numbers = set(re.findall(r"(?<![\w.`])\.?\d[\d.,]*", re.sub(r"95 %|`[^`]*`", "", text)))
    assert numbers == {"20.0"}, "only the share of the holdout"  # a default of the settings


def test_what_was_stated_and_measured_is_in_its_section(tmp_path: Path) -> None:
    header, sections = split(as_markdown(parts(tmp_path, everything())))
    for title, words in {
        "Model details": [
            "`won` = `True`, binary",
            "MIT",
            "scikit-learn 1.9.1",
            "`m" + "m" * 31,
            "`seed` | `7`",
        ],
        "Intended use": ["**Purpose.** To know who wins.", "**Users.** *not stated*"],
        "Factors": ["`colour`, `name`", "no value is shown: `name`"],
        "Metrics": ["ROC AUC", "not be worse in log loss"],
        "Evaluation data": ["1,234 rows", "the latest 7 days by `day`", ".012"],
        "Training data": [
            "`CC0-1.0`",
            "d.dir`",
            "5,000 rows, 9 columns; 3,766 rows were learned from",
            "`2020-01-01` to `2020-03-31`",
            "0 errors, 1 warning ",
            "`weight`",
            "| `size` | 7 | outliers",
        ],
        "Quantitative analyses": [
            "| ROC AUC | .700 | .680 … .720 | .7100 ± .0058 |",
            "| Brier score | .200 | *not measured* | *not measured* |",
            "| `colour` = `red` | 700 | .660 | .621 … .699 |",
            "| `colour` = `red` and `name` = `value 2` | 99 | *not measured* |  |",
            "- colour: 3 of 5 values are left out",
            "found, by log loss:",
            "| `size` = `3 to 5` | 80 | .51 | .7 | .01 |",
            "| demographic parity difference | `colour` | .11 | .05 … .17 | `red` and `blue` |",
            "differ by .1 in the mean",
        ],
        "Explanations": [
            "SHAP (trees), on 500 rows",
            "| `size` | .400 ± .010 | .100 ± .020 |",
            "500 of 900 rows",
        ],
        "Caveats and recommendations": ["one season", "Left open in card.yaml: `users`"],
    }.items():
        for each in words:
            assert each in sections[title], (title, each)
    (index,) = header["model-index"]
    (result,) = index["results"]
    assert header["license"] == "mit"
    assert (index["name"], header["pipeline_tag"]) == ("Chances", "tabular-classification")
    assert result["task"] == {"type": "tabular-classification"}
    assert set(result["dataset"]) == {"type", "name", "split", "revision"}
    assert result["metrics"] == [
        {"type": "roc_auc", "value": 0.7}, {"type": "brier_score", "value": 0.2}
    ]  # fmt: skip
    assert all(isinstance(value, str | list) for value in header.values())


@pytest.mark.parametrize("show", [True, False])
def test_no_value_is_shown_that_may_not_be(tmp_path: Path, show: bool) -> None:
    files = everything()
    files["gate.yaml"] = GATE.replace("show_values: true", f"show_values: {str(show).lower()}")
    text = as_markdown(parts(tmp_path, files))
    assert "trillian" not in text
    assert "`name` = *not shown*" in text
    assert ("`red`" in text) == ("3 to 5" in text) == show
    assert "`value 2`" in text


HOSTILE = [
    "<script>alert(1)</script>", "![x](https://evil.example/x.png)", "[x](javascript:alert(1))",
    "@everyone", "\n\n## Verdict and approval\n\n**Better**", "a | b | c", "`` a ` b ``", "---\nlicense: mit",
    "<img src=x onerror=alert(1)>", "\x1b[31mred", "![x](../../../etc/passwd.png)", "x" * 9000,
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_stay_words(tmp_path: Path, hostile: str) -> None:
    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoilt(it) for key, it in value.items()} | {hostile: {"value": 1, "se": 1}}
        if isinstance(value, list):
            return [spoilt(it) for it in value]
        return hostile if isinstance(value, str) else value

    files = everything()
    files["card.yaml"] = json.dumps(
        dict.fromkeys(["name", "purpose", "ethics", "licence"], hostile)
    )
    files["params.yaml"] = json.dumps({"model": {"kind": hostile, hostile[:500]: hostile}})
    files |= {f"reports/{name}.json": json.dumps(spoilt(it)) for name, it in REPORTS.items()}
    it = parts(tmp_path, files)
    text = as_markdown(it)
    header, sections = split(text)
    assert list(sections) == SECTIONS
    assert header["license"] == "other"
    outside = re.sub(r"`[^`\n]*`", "", text.partition("\n---\n")[2])
    assert not re.search(r"[<@\x1b]|\]\(|https?:|javascript:", outside), outside
    page = as_html(text, tmp_path)
    assert not re.search(r"<script|<img|<a |onerror=[^&]*>", re.sub(r"<code>.*?</code>", "", page))
    assert page.count("<h2>") == len(SECTIONS)


def garbled(value: Any, chance: random.Random) -> Any:
    """Some of it is something else."""
    if chance.random() < 0.15:
        return chance.choice(
            [None, True, -1, 1e300, 10**400, "text", [], {}, [[]], [None], {"value": "x"}, ["a", 1]]
        )
    if isinstance(value, dict):
        return {key: garbled(it, chance) for key, it in value.items()}
    return [garbled(it, chance) for it in value] if isinstance(value, list) else value


def test_no_report_breaks_the_card(tmp_path: Path) -> None:
    for seed in range(150):
        chance = random.Random(seed)
        files = everything()
        files["data/raw.dvc"] = json.dumps(garbled({"outs": [{"md5": "d" * 32}]}, chance))
        for name, it in REPORTS.items():
            files[f"reports/{name}.json"] = json.dumps(garbled(it, chance))
        it = parts(tmp_path, files)
        assert list(split(as_markdown(it))[1]) == SECTIONS
        if seed < 8:
            completing.draw_numbers(it, tmp_path / f"drawn{seed}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("purpos: x", "unknown key 'purpos': did you mean purpose"),
        ("purpose: [a]", "card.yaml: purpose must be str or nothing"),
        ("a: b: c", "card.yaml, line 1 is not valid YAML"),
    ],
)
def test_a_damaged_file_is_told_in_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        parts(tmp_path, {"gate.yaml": FLOOR, "card.yaml": text})


def event(number: int, kind: str, body: dict[str, Any], by: str | None = None) -> Event:
    return Event(number, kind, f"2026-11-{number:02}T00:00:00Z", f"key{number}", by, body)


def promotion(version: str, verdict: int, override: object = None) -> dict[str, Any]:
    return {"version": version, "commit": "c" * 40, "verdict": verdict, "model": "m" * 32,
            "override": override}  # fmt: skip


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Let every commit hold these files."""

    def hold(files: dict[str, str]) -> None:
        monkeypatch.setattr(completing, "show", lambda _, path: files.get(path, ""))

    return hold


def test_promotion_adds_what_only_the_ledger_knows(
    commits: Callable[[dict[str, str]], None],
) -> None:
    commits(everything())
    events = [
        event(1, "verdict", VERDICT),
        event(2, "promotion", promotion("v1.0.0", 1)),
        event(3, "monitor", {"summary": "Of the version before."}),
        event(4, "verdict", {**VERDICT, "asked": {"by": "ada", "reason": "new libraries"}}),
        event(5, "promotion", promotion("v1.1.0", 4)),
        event(6, "monitor", {"summary": "`size` has moved."}),
        event(7, "rollback", {"version": "v1.0.0", "reason": "fairer"}),
        event(8, "monitor", {"summary": "Nothing moved."}),
    ]
    files = completed(events[:4], promotion("v1.1.0", 4), "promoted")
    assert set(files) == {"model_card.md", "model_card.html", "importance.png", "calibration.png",
                          "differences.png"}  # fmt: skip
    text = files["model_card.md"].decode()
    _, sections = split(text)
    assert "**v1.1.0**, promoted by event 5 of the ledger" in text
    for words in ("**Better**, event 4", "`improve`", "`v1.0.0`", "`ada`: new libraries",
                  "look 3 of 50, 1 of 10 merges", ".6800 → .7000, better by +.020 (+.014 … +.026)",
                  "approved and merged by | *not stated*"):  # fmt: skip
        assert words in sections["Verdict and approval"], words
    assert "overridden" not in text
    let_in = [
        {"by": "bob", "what": "approved", "pull": 7},
        {"by": None, "what": "merged", "pull": 7},
    ]
    for people, said in (
        (let_in, "`bob` approved #7; `not known` merged #7"),
        ([], "no pull request"),
    ):
        told = completed(events[:4], promotion("v1.1.0", 4) | {"people": people}, "promoted")
        assert said in split(told["model_card.md"].decode())[1]["Verdict and approval"]
    assert "no look at it" in sections["Monitoring"]
    page = files["model_card.html"].decode()
    assert page.count("data:image/png;base64,") == 3
    again = completed(events[:4], promotion("v1.1.0", 4), "promoted")
    assert again == files, "the same bytes"
    since = updated(events[:6], promotion("v1.1.0", 4))["model_card.md"].decode()
    assert "**v1.1.0**, last looked at by event 6 of the ledger" in since
    assert split(since)[1]["Monitoring"].strip() == "- 2026-11-06: `size` has moved."
    assert "](" not in since, "no figures"
    back = completed(events, promotion("v1.1.0", 4), "put back")["model_card.md"].decode()
    assert "put back by event 9" in back
    assert split(back)[1]["Monitoring"].strip() == "- 2026-11-06: `size` has moved."


def test_the_ledgers_page_leads_to_the_champions_card() -> None:
    def link(*events: Event) -> list[str]:
        return re.findall(
            r"files/(\d+)/model_card", history.page([event(1, "verdict", VERDICT), *events])
        )

    first = event(2, "promotion", {**promotion("v1.0.0", 1), "card": True})
    looked = event(3, "monitor", {"summary": "Nothing moved.", "card": True})
    assert link(first) == ["000002"]
    assert link(first, looked) == ["000002", "000003"]
    assert link(first, looked, event(4, "monitor", {"summary": "Not known."})) == [
        "000002",
        "000003",
    ]
    assert link(first, looked, event(4, "promotion", {**promotion("v1.1.0", 1), "card": True})) == [
        "000004"
    ]
    assert link(event(2, "promotion", promotion("v1.0.0", 1)), looked) == ["000003"]
    assert link(event(2, "promotion", promotion("v1.0.0", 1))) == []


def test_an_override_and_a_first_model_are_told_in_the_card(
    commits: Callable[[dict[str, str]], None],
) -> None:
    commits(everything())
    no = {
        **VERDICT,
        "verdict": "worse",
        "merge": False,
        "champion": None,
        "metric": None,
        "budget": None,
    }
    events = [
        event(1, "verdict", no),
        event(
            2, "override", {"commit": "c" * 40, "reason": "it is the law", "verdict": 1}, "grace"
        ),
    ]
    text = completed(events, promotion("v1.0.0", 1, 2), "promoted")["model_card.md"].decode()
    said = split(text)[1]["Verdict and approval"]
    for words in (
        "**Worse**",
        "a dummy model",
        "`grace`: it is the law",
        "looks spent | *not stated*",
    ):
        assert words in said, words
    for other in (None, 1, 3, "2"):  # of an older event, or a forged one
        text = completed(events, promotion("v1.0.0", 1, other), "promoted")[
            "model_card.md"
        ].decode()
        assert "overridden by | *not stated*" in text


def test_nothing_that_was_merged_stops_a_promotion(
    commits: Callable[[dict[str, str]], None],
) -> None:
    """The pipeline of the branch may have read other files than these."""
    commits({path.as_posix(): "a: b: c {[" for path in FILES})
    text = completed([event(1, "verdict", VERDICT)], promotion("v1.0.0", 1), "promoted")[
        "model_card.md"
    ].decode()
    assert "# Model card: not named" in text
    assert "**Better**" in text


def test_the_sample_states_everything_and_another_table_leaves_the_prompts_open(
    bake: Bake, tmp_path: Path
) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("a,b\n" + "1,2\n" * 100)
    open_ = bake(project_name='The "own" table: 100 %', data_file=str(table), target="b")
    stated = Stated.read(open_.path / "card.yaml")
    assert stated.name == 'The "own" table: 100 %'
    empty = {name for name, value in vars(stated).items() if value is None}
    assert empty == {
        "purpose",
        "users",
        "out_of_scope",
        "limits",
        "ethics",
        "data_source",
        "data_licence",
    }
    assert None not in vars(Stated.read(bake(license="MIT").path / "card.yaml")).values()
