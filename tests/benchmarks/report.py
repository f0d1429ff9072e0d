"""The tables, as Markdown: to the terminal, and to a file."""

import sys
import time
from pathlib import Path


class Report:
    """Collects what was measured; progress goes to standard error."""

    def __init__(self, out: Path | None) -> None:
        self.out = out
        self.started = time.monotonic()
        if out:
            out.write_text("", encoding="utf-8")

    def progress(self, text: str) -> None:
        """Say what happens now."""
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", file=sys.stderr, flush=True)

    def write(self, text: str) -> None:
        """Put a paragraph into the report."""
        print(f"{text}\n", flush=True)
        if self.out:
            with self.out.open("a", encoding="utf-8") as file:
                file.write(f"{text}\n\n")

    def table(self, title: str, head: list[str], rows: list[list[str]], note: str) -> None:
        """Put a table into the report; columns of numbers stand to the right."""
        widths = [max(map(len, cells)) for cells in zip(head, *rows, strict=True)]
        right = [all(cell[0].isdigit() for cell in cells) for cells in zip(*rows, strict=True)]

        def line(cells: list[str]) -> str:
            placed = zip(cells, widths, right, strict=True)
            return f"| {' | '.join(c.rjust(w) if r else c.ljust(w) for c, w, r in placed)} |"

        rules = ("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True))
        lines = [line(head), f"|{'|'.join(rules)}|", *map(line, rows)]
        self.write("\n".join([f"### {title}", "", *lines, "", note]))
