"""The card of a version that goes live, with what only the ledger knows.

Written by the default branch's code: the reports of the merged commit are read as claims, the figures
are drawn from their numbers, what the branch's pipeline wrote or drew is not used.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from champion.card.parts import CARD, FILES, Parts, Promoted, Stated, gather
from champion.card.sections import as_markdown
from champion.card.stage import MARKDOWN, PAGE, write
from champion.errors import Refusal
from champion.figures import draw_calibration
from champion.judge import claims, report
from champion.judge.events import Event
from champion.judge.metrics import DEFAULT_METRIC, METRICS
from champion.markdown import clean
from champion.settings import GATE, PARAMS, Settings, read_yaml
from champion.stages.explain_figures import draw_importance
from champion.workspace.git import show

ASSETS = (MARKDOWN.name, PAGE.name)  # of a release; the page holds its figures
READERS: dict[Path, Callable[[Path], Any]] = {
    CARD: Stated.read, GATE: Settings.of_gate, PARAMS: read_yaml
}  # fmt: skip


def completed(events: list[Event], promotion: dict[str, Any], manner: str) -> dict[str, bytes]:
    """The files of the card, by name; see `known`."""
    parts = known(events, promotion, f"{manner} by event {len(events) + 1}")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        draw(parts, out)
        parts.figures = sorted(Path(path.name) for path in out.glob("*.png"))
        write(parts, out)
        return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def updated(events: list[Event], promotion: dict[str, Any]) -> dict[str, bytes]:
    """The card after the last of the events, a look of the monitor; without figures."""
    parts = known(events, promotion, f"last looked at by event {len(events)}")
    return {MARKDOWN.name: as_markdown(parts).encode()}


def known(events: list[Event], promotion: dict[str, Any], how: str) -> Parts:
    """All parts of the card of a version.

    Parameters
    ----------
    events : all that happened, of the ledger.
    promotion : the body of the event that promotes, or promoted, it.
    how : by which event it is what it is, in words.
    """
    judged, word = events[promotion["verdict"] - 1], promotion.get("override")
    said = events[word - 1] if isinstance(word, int) and 0 < word <= len(events) else None
    override = said if said and said.kind == "override" else None
    with tempfile.TemporaryDirectory() as name:
        extract(promotion["commit"], Path(name))
        parts = gather(Path(name), promotion.get("model") or "")
    parts.promoted = Promoted(
        promotion["version"], promotion["commit"], how, judged, override,
        promotion.get("people"), events,
    )  # fmt: skip
    return parts


def extract(commit: str, folder: Path) -> None:
    """Write what a card is made of; settings that cannot be read are left out."""
    for path in FILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(
            show(commit, path.as_posix()), encoding="utf-8", errors="replace"
        )
        try:
            READERS.get(path, Path.stat)(folder / path)
        except Refusal:
            (folder / path).unlink()


def draw(it: Parts, folder: Path) -> None:
    """Draw what has numbers."""
    draw_numbers(it, folder)
    assert it.promoted
    if report.drawn(judged := it.promoted.verdict.body):
        report.draw(judged, folder / report.FIGURE)


def draw_numbers(it: Parts, folder: Path) -> None:
    said, task = it.reports["explanation"], str(it.settings.data.task)
    if strong := [each for each in claims.features(said) if each["weight"] is not None]:
        what = "LIME contribution" if said.get("method") == "lime" else "SHAP value"
        scale = clean(claims.name(said.get("scale")) or "?")
        metric = METRICS[DEFAULT_METRIC[task]].label if task in DEFAULT_METRIC else "?"
        ranked = pd.DataFrame(strong).astype(dict.fromkeys(claims.WEIGHTS, float))
        ranked["feature"] = ranked["feature"].map(clean)
        draw_importance(ranked, what, scale, metric, folder / "importance.png")
    if bins := claims.bins(it.reports["holdout"]):
        draw_calibration(pd.DataFrame(bins), "predicted probability", folder / "calibration.png")
