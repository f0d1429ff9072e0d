"""Words and forms that several sections share."""

from champion.card.parts import Parts
from champion.judge.metrics import METRICS
from champion.judge.wording import level
from champion.markdown import image, prose, table

NOT_STATED, NOT_MEASURED, NOT_SHOWN = "*not stated*", "*not measured*", "*not shown*"
HALF = 1.96  # standard errors to either end of a 95 % interval
LONGEST = 2000  # letters of what people state
CAPTIONS = {
    "importance": "Weight of each column in the predictions, and what shuffling it costs",
    "dependence": "How the contribution of the strongest columns depends on their values",
    "calibration": "Calibration: the predicted probability and the observed share",
    "residuals": "Predicted and observed, and the residuals",
    "differences": "Intervals of the differences to the champion before",
}


def stated(text: str | None) -> str:
    return prose(text, LONGEST) if text else NOT_STATED


def facts(rows: list[tuple[str, str]]) -> str:
    return table(["", ""], [list(row) for row in rows], numbers=False, most=len(rows))


def label(name: str) -> str:
    return METRICS[name].label if name in METRICS else name


def ends(value: float, se: float | None) -> str:
    if se is None:
        return NOT_MEASURED
    return f"{level(value - HALF * se, se)} … {level(value + HALF * se, se)}"


def spread(value: float | None, by: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    return level(value, by) + (f" ± {level(by, by)}" if by is not None else "")


def figures(it: Parts, *names: str) -> str:
    return "\n\n".join(
        image(CAPTIONS[path.stem], path.parent.as_posix(), path.name)
        for path in it.figures
        if path.stem in names
    )
