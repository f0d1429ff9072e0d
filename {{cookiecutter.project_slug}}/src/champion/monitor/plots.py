"""The plots of the page, as SVG that takes its colours from the page: light or dark."""

from collections.abc import Sequence
from html import escape
from typing import Any

from champion.figures import short
from champion.judge.metrics import METRICS
from champion.judge.wording import level
from champion.markdown import clean
from champion.monitor.checks import ALERT, UNKNOWN
from champion.monitor.wording import amount

WIDTH = 880
NAMES, NUMBERS = 170, 150  # pixels left for names, right for numbers
ROW = 26
MOST_ROWS = 14
MOST_WINDOWS = 26
MINUS = "\N{MINUS SIGN}"

Look = dict[str, Any]


def named(text: object) -> str:
    """A stranger's name, short and harmless."""
    return escape(short(clean(text)))


def svg(height: float, parts: Sequence[str], title: str, width: float = WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    """Words; `said` is escaped already."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{said}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, kind: str, said: str = "") -> str:
    tip = f"<title>{said}</title>" if said else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'rx="2" class="{kind}">{tip}</rect>'
    )


def dot(x: float, y: float, kind: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{kind}"/>'


def state_of(check: Look) -> str:
    """alert; near: large enough to matter, but within chance; calm."""
    if check["state"] == ALERT:
        return "alert"
    known = check["value"] is not None and check["threshold"] is not None
    return "near" if known and check["value"] >= check["threshold"] else "calm"


def index(value: float) -> str:
    """A stability index."""
    return "< .001" if 0 < value < 0.001 else amount(value)


def drift(checks: list[Look]) -> str:
    """By how much each column has moved: its size and interval beside the threshold."""
    rows = [it for it in checks if it["check"] in ("drift", "target") and it["value"] is not None]
    rows.sort(key=lambda it: (it["state"] != ALERT, -it["value"]))
    if not rows:
        return ""
    threshold = rows[0]["threshold"]
    shown_ = rows[:MOST_ROWS]
    most = max([4 * threshold, *(1.05 * min(it["upper"], 3 * it["value"] + threshold)
                                 for it in shown_)])  # fmt: skip
    left, right = NAMES, WIDTH - NUMBERS
    height = ROW * len(shown_) + 40

    def x(value: float) -> float:
        return left + (right - left) * (min(max(value, 0.0), most) / most) ** 0.5

    bottom = ROW * len(shown_) + 8
    parts = [box(left, 0, x(threshold) - left, bottom, "band")]
    parts.append(line(x(threshold), 0, x(threshold), bottom, "limit"))
    for place, it in enumerate(shown_):
        y, kind = ROW * place + ROW / 2 + 4, state_of(it)
        parts.append(text(left - 14, y + 4, named(it["column"]), f"name {kind}", "end"))
        parts.append(line(x(it["lower"]), y, x(it["upper"]), y, f"span {kind}"))
        parts.append(dot(x(it["value"]), y, f"dot {kind}"))
        parts.append(text(right + 16, y + 4, escape(index(it["value"])), f"number {kind}"))
        if since := (it.get("since") or "")[:10]:
            parts.append(text(WIDTH, y + 4, f"since {since}", "note", "end"))
    for tick in ticks(most):
        parts.append(text(x(tick), bottom + 16, f"{tick:g}", "note", "middle"))
    parts.append(text(left - 14, bottom + 16, "PSI", "note", "end"))
    more = len(rows) - len(shown_)
    if more:
        words = f"and {more:,} more below {escape(index(shown_[-1]['value']))}"
        parts.append(text(WIDTH, bottom + 16, words, "note", "end"))
    return svg(height, parts, "how far each column has moved")


def ticks(most: float) -> list[float]:
    """Round numbers on a root scale."""
    all_ = [0, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32]
    return [tick for tick in all_ if tick <= most]


def spread(column: Look, since: str = "") -> str:
    """A column's bins before (outlined) and now (filled)."""
    before, after = column["before"], column["after"]
    count, width, high = len(before), 272, 104
    top = max([*before, *after, 1e-9])
    step = width / count
    parts = [text(0, 14, named(column["column"]), "name strong")]
    foot = high + 26
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        x, wide = place * step, max(step - 3, 1.5)
        label = f"{escape(clean(column['bins'][place]))}: " if column["bins"] else ""
        said = f"{label}{100 * old:.1f} % before, {100 * new:.1f} % now"
        parts.append(box(x, foot - high * new / top, wide, high * new / top, "now", said))
        parts.append(box(x, foot - high * old / top, wide, high * old / top, "then", said))
    parts.append(line(0, foot, width, foot, "axis"))
    if column["bins"] and column["kind"] == "number":
        parts.append(text(0, foot + 15, named(column["bins"][0]), "note"))
        parts.append(text(width, foot + 15, named(column["bins"][-1]), "note", "end"))
    elif column["bins"]:
        most = max(range(count), key=lambda k: abs(after[k] - before[k]))
        middle = min(max(most * step + step / 2, 40), width - 40)
        parts.append(text(middle, foot + 15, named(column["bins"][most]), "note", "middle"))
    else:
        ends = ("low", "high") if column["kind"] == "number" else ("frequent", "rare")
        parts.append(text(0, foot + 15, ends[0], "note"))
        parts.append(text(width, foot + 15, ends[1], "note", "end"))
    return svg(foot + 22, parts, f"{clean(column['column'])} before and now", width)


def cost(checks: list[Look], metric: str) -> str:
    """The metric on live rows against the holdout, overall and by slice."""
    same = [it for it in checks if it["check"] == metric and it["value"] is not None]
    main = next((it for it in same if it["part"] is None), None)
    if main is None:
        return ""
    slices = sorted((it for it in same if it["part"] is not None), key=lambda it: -it["value"])
    rows = [main, *slices[: MOST_ROWS - 1]]
    reach = 1.15 * max(
        [2 * it["threshold"] for it in rows]
        + [min(max(abs(it["lower"]), abs(it["upper"])), 4 * (abs(it["value"]) + it["threshold"]))
           for it in rows]
    )  # fmt: skip
    left, right = NAMES + 30, WIDTH - NUMBERS
    middle, scale = (left + right) / 2, (right - left) / 2 / (reach or 1.0)
    bottom = ROW * len(rows) + 8

    def x(loss: float) -> float:
        return min(max(middle - scale * loss, left), right)

    parts = [line(middle, 0, middle, bottom, "zero")]
    for place, it in enumerate(rows):
        y, kind = ROW * place + ROW / 2 + 4, state_of(it)
        end = x(it["threshold"])
        parts.insert(0, box(end, y - ROW / 2, middle - end, ROW, "band"))
        name = f"{clean(it['column'])} = {clean(it['part'])}" if it["part"] else "all rows"
        parts.append(text(left - 14, y + 4, named(name), f"name {kind}", "end"))
        parts.append(line(x(it["upper"]), y, x(it["lower"]), y, f"span {kind}"))
        parts.append(dot(x(it["value"]), y, f"dot {kind}"))
        half = (it["upper"] - it["value"]) / 2
        numbers = f"{level(it['before'], half)} → {level(it['after'], half)}"
        parts.append(text(right + 16, y + 4, numbers, f"number {kind}"))
    label = escape(clean(main["measure"]))
    words = f"← worse &#160;&#160; {label}, live against holdout &#160;&#160; better →"
    parts.append(text(middle, bottom + 18, words, "note", "middle"))
    if len(slices) >= MOST_ROWS:
        parts.append(
            text(WIDTH, bottom + 18, f"{len(slices) + 1 - MOST_ROWS:,} more", "note", "end")
        )
    return svg(bottom + 28, parts, "live performance against the holdout")


def history(looks: list[Look], key: Any) -> str:
    """A line of windows for each check that ever alerted, and the metric itself above them."""
    looks = looks[-MOST_WINDOWS:]
    if len(looks) < 2:
        return ""
    tables = [{key(it): it for it in look["checks"]} for look in looks]
    counted: dict[tuple[str, ...], int] = {}
    for table in tables:
        for name, it in table.items():
            counted[name] = counted.get(name, 0) + (it["state"] == ALERT)
    last = tables[-1]
    order = sorted(
        (name for name, count in counted.items() if count),
        key=lambda name: (last.get(name, {}).get("state") != ALERT, -counted[name]),
    )[:MOST_ROWS]
    left, right = NAMES + 30, WIDTH
    step = (right - left) / len(looks)
    parts, y = [], 0.0
    if drawn := curve(looks, left, step):
        parts.append(drawn)
        y = 96.0
    parts.append(text(left - 14, y + 16, "the look as a whole", "name strong", "end"))
    for place, look in enumerate(looks):
        kind = {ALERT: "hot", UNKNOWN: "blank"}.get(look["state"], "cool")
        said = escape(f"{window_of(look)}: {clean(look.get('headline', ''), 200)}")
        parts.append(box(left + place * step + 1, y + 3, step - 2, ROW - 6, f"cell {kind}", said))
    y += ROW + 4
    for name in order:
        metric = METRICS[name[1]].label if name[1] in METRICS else name[1]
        words = f"{name[2] or metric}{f' = {name[3]}' if name[3] else ''}"
        words += "" if name[1] in ("drift", "target") or not name[2] or name[3] else f", {name[1]}"
        parts.append(text(left - 14, y + 16, named(words), "name", "end"))
        for place, (look, table) in enumerate(zip(looks, tables, strict=True)):
            parts.append(cell(left + place * step + 1, y + 3, step - 2, look, table.get(name)))
        y += ROW
    every = max(1, round(90 / step))
    for place in range(0, len(looks), every):
        parts.append(text(left + place * step, y + 16, window_of(looks[place])[:10], "note"))
    return svg(y + 24, parts, "earlier windows")


def window_of(look: Look) -> str:
    return str((look.get("window") or {}).get("to") or look.get("time") or "")[:10]


def cell(x: float, y: float, width: float, look: Look, check: Look | None) -> str:
    """One window of one check: the stronger, the nearer to its threshold or beyond."""
    value = None if check is None else check.get("value")
    if check is None or value is None:
        return box(x, y, width, ROW - 6, "cell blank", f"{window_of(look)}: not known")
    times = value / (check.get("threshold") or 1.0)
    said = f"{window_of(look)}: {amount(value)}, {times:.1f} times what is tolerated"
    kind = "hot" if check["state"] == ALERT else "warm" if times >= 1 else "cool"
    return box(x, y, width, ROW - 6, f"cell {kind}", said)


def curve(looks: list[Look], left: float, step: float) -> str:
    """The metric window by window, and the holdout's value."""
    metric = looks[-1].get("metric")
    points = [
        (place, it["after"], it["before"], it["state"])
        for place, look in enumerate(looks)
        for it in look["checks"]
        if it["check"] == metric and not it.get("part") and it.get("after") is not None
    ]
    if len(points) < 2:
        return ""
    values = [value for point in points for value in point[1:3]]
    low, high = min(values), max(values)
    room = (high - low) or abs(high) or 1.0

    def y(value: float) -> float:
        return 76 - 60 * (value - low) / room

    def x(place: int) -> float:
        return left + (place + 0.5) * step

    path = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value, *_ in points)
    base = " ".join(f"{x(place):.1f},{y(old):.1f}" for place, _, old, *_ in points)
    parts = [
        f'<polyline points="{base}" class="base"/><polyline points="{path}" class="curve"/>',
        text(left - 14, y(points[0][2]) + 4, f"holdout {level(points[0][2], room)}", "note", "end"),
    ]
    for place, value, _, state in points:
        kind = "alert" if state == ALERT else "calm"
        parts.append(dot(x(place), y(value), f"dot small {kind}"))
    last = points[-1]
    parts.append(text(x(last[0]), y(last[1]) - 9, level(last[1], room).replace("-", MINUS),
                      "number", "middle"))  # fmt: skip
    return "".join(parts)
