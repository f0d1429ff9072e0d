"""The comment on a pull request: what it says, and that nobody can write in it but the judge."""

import json
import re
import unicodedata
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from champion import cli
from champion.errors import Refusal
from champion.judge.differences import draw, lines
from champion.judge.report import as_markdown, headline
from champion.judge.verdict_file import read
from champion.judge.wording import interval, value_of
from champion.markdown import clean, code, graph, prose

COMMIT = "4f2a91c0" * 5
RUN = "https://github.com/acme/flights/actions/runs/77"


def compared(label: str, delta: float, half: float, **more: Any) -> dict[str, Any]:
    return {
        "name": "m", "label": label, "higher_is_better": True, "champion": 0.667,
        "challenger": 0.667 + delta, "delta": delta, "se": half / 2.05, "lower": delta - half,
        "upper": delta + half, "margin": 0.01, **more,
    }  # fmt: skip


WEAK = {"where": "hour = 18 … 23", "rows": 203, "champion": 1.17, "challenger": 0.9, "p": 0.001}


def verdict(word: str = "better", merge: bool = True, delta: float = 0.017) -> dict[str, Any]:
    """A verdict file in which everything is filled."""
    return {
        "verdict": word, "merge": merge, "policy": "improve", "task": "binary",
        "reasons": ["ROC AUC is better by at least .011, with 98 % confidence."],
        "metric": compared(
            "ROC AUC", delta, 0.006, p_better=0.001, dummy=0.5, lower_against_anchor=0.01
        ),
        "budget": {"look": 3, "max_looks": 50, "merges": 1, "max_merges": 10, "alpha": 0.02},
        "resolution": {"mde80": 0.008, "target": 0.01, "rows": 6200, "rows_for_target": 3900},
        "guards": [
            compared("log loss", 0.002, 0.003, passed=True, higher_is_better=False),
            compared("recall", 0.01, 0.02, passed=True),
        ],
        "slices": [
            compared("ROC AUC", 0.03, 0.02, column="carrier", value="UA", rows=900, harmed=False),
            compared("ROC AUC", 0.00, 0.02, column="origin", value="JFK", rows=800, harmed=False),
        ],
        "caps": [
            {"name": "size", "label": "size", "champion": 1.0, "challenger": 1.5, "ratio": 1.5,
             "limit": 2.0, "passed": True}
        ],
        "champion": {"version": "v1.2.0", "commit": COMMIT},
        "challenger": {
            "commit": COMMIT, "model": {"md5": "a", "sha256": "b" * 64, "size": 1},
            "predictions_sha256": "c" * 64, "data_sha256": "d" * 64,
        },
        "run": {"id": 77, "attempt": 1, "url": RUN},
        "changes": {
            "paths": ["params.yaml", "gate.yaml"], "owner_paths": ["gate.yaml"],
            "params": [{"key": "model.max_iter", "champion": None, "challenger": 300}],
            "data": {"champion_rows": 27004, "challenger_rows": 51955, "added": 24951, "removed": 0},
            "lock": [{"package": "scikit-learn", "champion": "1.9.0", "challenger": "1.9.1"}],
            "pipeline": "flowchart LR\n  split --> train",
        },
        "findings": ["The challenger makes no mistake: easy data, or a leak?"],
        "data_findings": [
            {"level": "warning", "column": "gust", "check": "missing", "count": 3, "share": 0.1,
             "message": "missing"}
        ],
        "drift": [{"column": "temp", "measure": "PSI", "value": 0.3}],
        "explanations": [
            {"feature": "hour", "champion": 0.3, "challenger": 0.2, "se": 0.03, "moved": True},
            {"feature": "gust", "champion": None, "challenger": 0.04, "se": None, "moved": None},
            {"feature": "temp", "champion": 0.01, "challenger": 0.02, "se": 0.02, "moved": False},
        ],
        "cv": {"champion": 0.7, "challenger": 0.71},
        "figures": ["ranking.png"],
        "notes": ["carrier: 7 of 16 values are not judged by themselves: too few rows."],
        "parity": [
            {"column": "origin", "label": "demographic parity difference", "champion": 0.1,
             "challenger": 0.12, "lower": 0.08, "upper": 0.16, "highest": "EWR", "lowest": "LGA",
             "left_out": 0}
        ],
        "weak": {
            "label": "log loss", "higher_is_better": False, "looked": 800, "tried": 12,
            "left_out": "The search for weak parts leaves out 20 features, the last ones.",
            "overall": {"rows": 6200, "champion": 0.59, "challenger": 0.57},
            "weakest": [WEAK], "lost": [{**WEAK, "where": "dest = ORD and hour = 14 … 17"}],
        },
        "policies": [{"rule": "card: complete", "passed": True, "why": ""}],
    }  # fmt: skip


INVALID = {
    "verdict": "invalid", "merge": False, "policy": "improve", "metric": None, "budget": None,
    "reasons": ["The challenger's predictions are of other rows."],
}  # fmt: skip

BAD = {"level": "error", "column": "gust", "check": "missing", "count": 3, "share": 0.1,
       "message": "missing"}  # fmt: skip
OWNERS = "⚠️ **Changes how models are judged or run**, for an owner to review: `gate.yaml`.\n\n"


def stopped(part: str, **flag: bool) -> dict[str, Any]:
    file = verdict(merge=False)
    file[part][0].update(flag)
    return file


def written(file: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The file as a reader of it on disk has it."""
    path = folder / "verdict.json"
    path.write_text(json.dumps(file), encoding="utf-8")
    return read(path)


def html(text: str) -> str:
    return cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)


def in_sight(text: str) -> str:
    return re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)


class Page(HTMLParser):
    """The elements of a page, and its texts outside of code, where GitHub links things."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.linkable: list[str] = []
        self.codes = 0
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.codes += tag in ("code", "pre")
        if tag != "code":
            self.elements.append(tag)
        self.links += [str(value) for key, value in attrs if key in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        self.codes -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        if not self.codes:
            self.linkable.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.append("comment")


@pytest.mark.parametrize(
    ("file", "start", "gate", "next_words"),
    [
        (verdict(), "### ✅ Better: ROC AUC .684 against .667 (+.017 ± .006)", "allowed", ""),
        (verdict("equivalent"), "### ⚪ No change: the same predictions", "allowed", ""),
        (verdict("no_worse") | {"policy": "maintain"}, "### ☑️ No worse: ", "allowed", ""),
        (verdict("no_worse", False), "### ⛔ No worse, but not better: ", "blocked", "Run workflow"),
        (verdict("worse", False, -0.05), "### 🔻 Worse: ROC AUC .617", "blocked", "reports/cv.json"),
        (verdict("inconclusive", False, 0), "### ❔ Not proven: ", "blocked", "make data FILE=…"),
        (INVALID, "### 🚫 Invalid: the models cannot be compared", "blocked", "make update"),
        (INVALID | {"data_findings": [BAD]}, "### 🚫 Invalid: the data do not pass the checks\n",
         "blocked", "make update"),
        (stopped("guards", passed=False), "### ⛔ Better, but stopped by a guard: ", "blocked", "no guard"),
        (stopped("slices", harmed=True), "### ⛔ Better, but stopped by a slice: ", "blocked", "no slice"),
        (stopped("policies", passed=False), "### ⛔ Better, but stopped by a policy: ", "blocked", "what the policy asks"),
        (stopped("caps", passed=False), "### ⛔ Better, but stopped by a limit: ", "blocked", "no limit"),
        (verdict(merge=False), "### ⛔ Better, but stopped: ", "blocked", ""),
    ],
)  # fmt: skip
def test_says_the_verdict_whether_it_merges_and_what_next(
    file: dict[str, Any], start: str, gate: str, next_words: str, tmp_path: Path
) -> None:
    read_ = written(file, tmp_path)
    text = as_markdown(read_, "figures").removeprefix(OWNERS)
    assert text.startswith(start)
    assert f"**Merge {gate}.**" in text.splitlines()[2]
    step = text.partition("**Next:**")[2].split("\n")[0]
    assert next_words in step
    assert bool(step) == bool(next_words)
    assert len([line for line in in_sight(text).splitlines() if line.strip()]) <= 25
    assert "Invalid" in start or text.startswith(f"### {text[4:].split()[0]} {headline(read_)}")


def test_shows_the_owners_files_first_and_jargon_only_in_folds(tmp_path: Path) -> None:
    text = as_markdown(written(verdict(), tmp_path), "figures")
    shown = in_sight(text)
    assert text.startswith(OWNERS)
    for word in ("standard error", "p-value", "params.yaml", "```mermaid"):
        assert word not in shown
        assert word in text
    assert text.index("- `gate.yaml`") < text.index("- `params.yaml`")
    assert re.findall(r"<summary>(.*?)</summary>", text) == [
        "Data (27,004 → 51,955 rows, 24,951 added, 0 removed, 1 warning)", "Parameters (1)",
        "Packages (1)", "Slices that moved (1 of 2)", "Parity (1 column)", "Weak parts (2)",
        "Policy (1)", "What the models look at (2 of 3 features changed)", "Files (2)",
        "Figures (1)", "Provenance (look 3 of 50)",
    ]  # fmt: skip
    assert f"[77, attempt 1]({RUN})" in text


def test_tells_which_features_count_for_more_or_less_beyond_chance(tmp_path: Path) -> None:
    text = as_markdown(written(verdict(), tmp_path), "figures")
    inside = text.partition("What the models look at")[2].partition("</details>")[0]
    assert "| `hour` | .300 | .200 | -.100 ± .030 |" in inside
    assert "| `gust` | none | .040 | new |" in inside
    assert "| `temp` | .010 | .020 |  |" in inside


def test_leaves_out_what_is_empty(tmp_path: Path) -> None:
    bare = {k: v for k, v in verdict().items() if k in ("verdict", "merge", "policy", "metric", "budget")}  # fmt: skip
    text = as_markdown(written(bare, tmp_path), "figures")
    assert re.findall(r"<summary>(.*?)</summary>", text) == ["Provenance (look 3 of 50)"]
    unchanged = verdict()
    unchanged["changes"]["data"] = None
    assert "PSI" not in as_markdown(written(unchanged, tmp_path), "figures")


def test_names_a_missing_champion_and_which_metric_is_better_low(tmp_path: Path) -> None:
    file = verdict() | {"champion": None}
    file["metric"] |= {"label": "log loss", "higher_is_better": False, "champion": 0.684,
                       "challenger": 0.667}  # fmt: skip
    text = as_markdown(written(file, tmp_path), "figures")
    assert "log loss .667 against .684 of a dummy (better by .017 ± .006)" in text
    assert "| dummy, no champion yet |" in text
    assert "**log loss <sub>lower is better</sub>**" in text


def test_a_failed_guard_is_among_the_first_rows(tmp_path: Path) -> None:
    file = verdict(merge=False)
    file["guards"] = [compared(f"guard {n}", 0.0, 0.01, passed=n != 8) for n in range(9)]
    rows = [line for line in in_sight(as_markdown(written(file, tmp_path), "")).splitlines()
            if line.startswith("|")]  # fmt: skip
    assert len(rows) == 2 + 5
    assert "guard 8" in rows[3]
    assert "❌" in rows[3]


@given(st.floats(-0.1, 0.1), st.floats(1e-6, 0.1))
def test_rounding_never_hides_on_which_side_of_zero_an_interval_is(
    delta: float, half: float
) -> None:
    it = compared("m", delta, half)
    shown = [value_of(it, key, signed=True) for key in ("lower", "upper")]
    for key, text in zip(("lower", "upper"), shown, strict=True):
        if abs(it[key]) > 1e-5:
            assert text.startswith("+" if it[key] > 0 else "\N{MINUS SIGN}"), interval(it)
            assert text.strip("+.0\N{MINUS SIGN}"), interval(it)


ATTACKS = [
    "@acme/owners", "#1", "GH-1", "acme/flights#1", COMMIT, "f2a91c0", "www.evil.com", "http://evil.com",
    "a@evil.com", "mailto:a@evil.com", "xmpp:a@evil.com", "[a](http://evil.com)", "![a](b.png)",
    "<img src=x>", "<!-- a", "-->", "<script>", "</details>", "<details>", "|", "\\|", "||", "`",
    "``", "```", "````\n", "\n\n# a", "\n- a", "\n1. a", "\n===", "\n---", "\n| a |\n|-|\n", "\n\n",
    ":smile:", "::error::a", "\n::set-output name=a::b", "##[error]a", "\x1b[31m", "\u202e",
    "\u200b", "\x00", "\r", "\u2028", "**a**", "__a__", "~~a~~", "*", "_", "$a$", "$`a`$", "&lt;b&gt;",
    "&#64;acme", "\\", "\ud800", "e\u0301\u0301\u0301\u0301", "x" * 500, "[^1]", "[^1]: a", "- [ ] a",
    "[!NOTE]", "> a", "    a", "\t", '"]\n click node1 "http://evil.com"', "%%{init: {}}%%", "\N{FULLWIDTH COMMERCIAL AT}a",
]  # fmt: skip
nasty = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=8), max_size=4).map(
    lambda parts: "x" + "".join(parts)
) | st.lists(st.sampled_from(ATTACKS) | st.text(max_size=8), min_size=1, max_size=4).map(
    lambda parts: " ".join(["x", *parts])
)
LINKED_BY_GITHUB = re.compile(
    r"@\w|#\d|GH-\d|\b[0-9a-f]{7,}\b|://|www\.\w|:\w+:|\$|<|`", re.IGNORECASE
)
TRUSTED = ("verdict", "merge", "policy", "task", "name", "figures", "url")


def infected(value: Any, words: Any) -> Any:
    """The same file with every text of it replaced, those aside that only the judge can write."""
    if isinstance(value, dict):
        return {k: v if k in TRUSTED else infected(v, words) for k, v in value.items()}
    if isinstance(value, list):
        return [infected(item, words) for item in value]
    return next(words) if isinstance(value, str) else value


def forever(words: list[str]) -> Any:
    while True:
        yield from words


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(nasty, min_size=1, max_size=12), st.sampled_from(["better", "invalid"]))
def test_no_word_of_a_pull_request_becomes_markup(
    tmp_path: Path, words: list[str], word: str
) -> None:
    merge = word == "better"
    pages = []
    for texts in (["x"], words):
        file = verdict(word, merge)
        file["changes"]["paths"] = []  # a path that is an owner's too is listed once
        file = infected(file, forever(texts))
        text = as_markdown(written(file, tmp_path), "figures")
        assert len(text) < 60_000
        assert not re.search(r"^\s*::|##\[|::", text, re.MULTILINE)
        hidden = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"}
        assert not hidden
        pages.append(Page(html(text)))
        assert len(headline(read(tmp_path / "verdict.json"))) <= 140
    calm, page = pages
    assert page.elements == calm.elements
    assert page.links == calm.links
    own = "".join(calm.linkable)
    for found in page.linkable:
        match = LINKED_BY_GITHUB.search(found)
        assert not match or match[0] in own, found


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_is_inert_in_a_name_a_sentence_and_a_cell(attack: str) -> None:
    for text in (
        code(attack),
        prose(attack),
        prose(f"a {attack} b"),
        f"| a |\n|-|\n| {code(attack)} |",
    ):
        page = Page(html(text))
        assert set(page.elements) <= {"p", "table", "thead", "tbody", "tr", "th", "td"}
        assert page.elements.count("td") == text.startswith("|")
        assert not LINKED_BY_GITHUB.search("".join(page.linkable))


def test_plain_sentences_stay_as_they_are() -> None:
    for text in (
        "ROC AUC is better by at least .011, with 98 % confidence.",
        "Harmed: log loss is worse in carrier = UA.",
        "To show .01 takes about 3,726 rows.",
        "Gather more, wait for the next window, or run `make new-holdout`.",
    ):
        assert prose(text) == text


def test_long_names_are_cut() -> None:
    assert clean("x" * 70) == "x" * 59 + "…"
    assert clean("x" * 10**7, 20) == "x" * 19 + "…"


@pytest.mark.parametrize(
    "text",
    [
        'flowchart TD\na --> b\nclick a "http://evil.com"',
        'flowchart TD\n%%{init: {"theme": "dark"}}%%',
        "flowchart TD\na --> b\n```\n# a",
        'flowchart LR\na --> b["<b>"]',
        "sequenceDiagram\na --> b",
        "flowchart LR",
        "flowchart LR\n" + "a --> b\n" * 200,
    ],
)
def test_a_graph_that_is_not_of_stages_is_left_out(text: str) -> None:
    assert graph(text) == ""


def test_a_graph_is_written_anew_so_that_no_name_is_a_word_of_mermaid() -> None:
    assert graph("flowchart LR\n  split --> end").splitlines() == [
        "```mermaid", "flowchart LR", '    s0["split"]', '    s1["end"]', "    s0 --> s1", "```",
    ]  # fmt: skip


def damaged(**change: Any) -> str:
    return json.dumps(verdict() | change)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no JSON"),
        (damaged()[:-9], "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "holds no keys"),
        ("1" * 5000, "no JSON"),
        (damaged(pad="x" * 4_000_000), "bytes"),
        (damaged(verdict="best"), "verdict, policy or merge"),
        (damaged(merge="yes"), "merge must be true or false"),
        (damaged(merge=None), "verdict, policy or merge"),
        (damaged(metric=None), "metric lacks label"),
        (damaged(metric=[1]), "metric must hold keys"),
        (damaged(metric=verdict()["metric"] | {"delta": float("nan")}), "metric.delta must be a number"),
        (damaged(metric=verdict()["metric"] | {"delta": True}), "metric.delta must be a number"),
        (damaged(metric=verdict()["metric"] | {"delta": 0.5}), "outside its own interval"),
        (damaged(budget={"look": 1.5}), "budget.look must be a whole number"),
        (damaged(budget={"look": 10**400}), "budget.look must be a whole number"),
        (damaged(slices={}), "slices must be a list"),
        (damaged(reasons=[{}]), r"reasons\[\] must be text"),
        (damaged(figures=["../../etc/passwd"]), "figures must be names"),
        (damaged(figures=["a](http://evil.com).png"]), "figures must be names"),
        (damaged(verdict="worse"), "says merge"),
        (json.dumps(stopped("guards", passed=False) | {"merge": True}), "says merge"),
        (json.dumps(stopped("slices", harmed=True) | {"merge": True}), "says merge"),
        (json.dumps(stopped("caps", passed=False) | {"merge": True}), "says merge"),
    ],
)  # fmt: skip
def test_refuses_what_is_no_verdict_in_one_sentence(
    content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(content, encoding="utf-8")
    assert cli.main(["report", str(path), "--out", str(tmp_path / "report.md")]) == 2
    error = capsys.readouterr().err
    assert re.search(said, error)
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_refuses_links_and_folders(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text(damaged(), encoding="utf-8")
    assert read(real)["verdict"] == "better"
    link = tmp_path / "link.json"
    link.symlink_to(real)
    for path in (link, tmp_path, tmp_path / "missing.json"):
        with pytest.raises(Refusal):
            read(path)


@pytest.mark.parametrize("url", ["http://github.com/a/b/actions/runs/77", RUN + ")x", RUN + "8",
                                 "https://evil.com/", "javascript:alert(1)"])  # fmt: skip
def test_links_to_nothing_but_its_own_run(url: str, tmp_path: Path) -> None:
    file = verdict() | {"run": {"id": 77, "attempt": 2, "url": url}}
    text = as_markdown(written(file, tmp_path), "figures")
    assert url not in text
    assert "77, attempt 2" in text
    assert not [link for link in Page(html(text)).links if not link.startswith("figures/")]


def test_writes_the_comment_and_the_same_figure_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(damaged(), encoding="utf-8")
    pictures = []
    for folder in ("one", "two"):
        out = tmp_path / folder / "report.md"
        assert cli.main(["report", str(path), "--out", str(out)]) == 0
        pictures.append((out.parent / "figures" / "differences.png").read_bytes())
        assert "](figures/differences.png)" in out.read_text(encoding="utf-8")
    assert pictures[0] == pictures[1]
    assert capsys.readouterr().out.startswith("Better: ROC AUC .684 against .667")
    far = ["--figures", str(tmp_path / "far"), "--base-url", "https://raw.example/a b)"]
    assert cli.main(["report", str(path), "--out", str(out), *far]) == 0
    assert "](https://raw.example/a%20b%29/differences.png)" in out.read_text(encoding="utf-8")
    assert (tmp_path / "far" / "differences.png").is_file()


def test_the_figure_says_how_many_slices_it_leaves_out(tmp_path: Path) -> None:
    file = verdict()
    file["slices"] = [file["slices"][0] | {"value": f"s{n}"} for n in range(20)]
    names = [name for name, _, _ in lines(written(file, tmp_path), 1.0)]
    assert "slices, 8 more" in names
    assert names[-1] == "carrier = s11"


@pytest.mark.parametrize(
    "change",
    [
        {"delta": None, "lower": None, "upper": None, "se": None},
        {"delta": 0.0, "lower": 0.0, "upper": 0.0, "se": 0.0, "margin": 0.0},
        {"delta": 1e99, "lower": -1e99, "upper": 1e100},
        {"delta": 1e-300, "lower": -1e-300, "upper": 1e-300, "margin": None},
    ],
)
def test_any_numbers_can_be_drawn_and_told(change: dict[str, Any], tmp_path: Path) -> None:
    file = verdict("inconclusive", merge=False)
    for it in (file["metric"], *file["guards"], *file["slices"]):
        it.update(change)
    known = written(file, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(known, tmp_path / "figure.png")
    assert len(headline(known)) <= 140
    assert max(map(len, in_sight(as_markdown(known, "figures")).splitlines())) < 400
