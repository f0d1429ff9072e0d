"""Stage: the card of the model that was just trained. Writes reports/model_card.md and .html."""

import argparse
from pathlib import Path

from champion.card.page import as_html
from champion.card.parts import Parts, gather
from champion.card.sections import as_markdown
from champion.project import MODEL, REPORTS
from champion.workspace.objects import md5

FIGURES = ("explanation/importance.png", "explanation/dependence.png", "figures/calibration.png",
           "figures/residuals.png")  # fmt: skip
MARKDOWN, PAGE = Path("model_card.md"), Path("model_card.html")


def run(_: argparse.Namespace) -> None:
    parts = gather(Path(), md5(MODEL))
    parts.figures = [Path(name) for name in FIGURES if (REPORTS / name).exists()]
    write(parts, REPORTS)
    gaps = parts.unstated
    print(f"{REPORTS / MARKDOWN}" + (f"; not stated: {', '.join(gaps)}" if gaps else ""))


def write(parts: Parts, folder: Path) -> None:
    """Write both forms; the figures are in that folder."""
    text = as_markdown(parts)
    (folder / MARKDOWN).write_text(text, encoding="utf-8", newline="\n")
    (folder / PAGE).write_text(as_html(text, folder), encoding="utf-8", newline="\n")
