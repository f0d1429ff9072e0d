"""Markdown for GitHub that holds words of strangers.

Column names, values, parameters, paths and texts of a pull request stand in code spans: there
GitHub renders no markup and links no mention, issue, commit or address. Escapes would not do: an
address is linked after they are decoded.
"""

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote

NAME, SENTENCE = 60, 300  # letters shown of a name, of a sentence
LISTED = 20  # rows of a table, lines of a list
HIDDEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
STACKED = 2  # accents on one letter
LIKE = str.maketrans("`|", "'¦")  # what could end a code span, and what is shown for it
PIECES = re.compile(r"`[^`]*`(?=[.,:;?!)]?(?:\s|$))|\S+")
WORD = r"[^\W\d_][^\W_]*(?:[-'][^\W\d_][^\W_]*)*"
NUMBER = r"[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d{0,6})(?:\.\d{1,6})?"
PLAIN = re.compile(rf"\(?(?:{WORD}|{NUMBER}|[=±…\u2013])%?\)?[.,:;?!]?")
START_OF_LIST = re.compile(r"\d+[.)]|[=+\u2212\u2013-]")
EDGE = re.compile(r"([\w.-]{1,60})\s*-->\s*([\w.-]{1,60})", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{7,}", re.IGNORECASE)


def clean(text: object, most: int = NAME) -> str:
    """One line of at most `most` visible letters, no command for a terminal or a workflow."""
    letters, accents = [], 0
    for letter in str(text)[: 4 * most]:
        kind = unicodedata.category(letter)
        accents = accents + 1 if kind[0] == "M" else 0
        if letter.isspace():
            letters.append(" ")
        elif accents <= STACKED:
            letters.append("\N{REPLACEMENT CHARACTER}" if kind in HIDDEN else letter)
    line = " ".join("".join(letters).split())
    line = re.sub(r":(?=:)", ": ", line).replace("##[", "## [")
    return line if len(line) <= most and len(str(text)) <= 4 * most else f"{line[: most - 1]}…"


def code(text: object, most: int = NAME) -> str:
    """A stranger's words, as a code span; without backticks and pipes, which could end it."""
    return f"`{clean(text, most).translate(LIKE) or '(empty)'}`"


def codes(texts: Sequence[object], most: int) -> str:
    """`a`, `b` and 4 more"""
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(code(text) for text in texts[:most]) + more


def prose(text: object, most: int = SENTENCE) -> str:
    """A sentence that may quote a stranger: plain words stay, anything else becomes code."""

    def shown(piece: re.Match[str]) -> str:
        word = piece[0]
        starts_list = piece.start() == 0 and START_OF_LIST.fullmatch(word)
        plain = PLAIN.fullmatch(word) and not COMMIT.search(word) and not starts_list
        if plain or word == code(word[1:-1]):
            return word
        name, end = (word[:-1], word[-1]) if re.fullmatch(r".*\w[.,:;?!]", word) else (word, "")
        return code(name, most) + end

    return PIECES.sub(shown, clean(text, most))


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = True, most: int = LISTED
) -> str:
    """A table of cells that are Markdown already, cut after `most` rows; empty without rows.

    numbers : all columns but the first hold numbers
    """
    align = [":--", *["--:" if numbers else ":--"] * (len(head) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in [head, align, *rows[:most]]]
    return "\n".join(lines) + and_more(len(rows) - most) if rows else ""


def bullets(items: Sequence[str], most: int = LISTED) -> str:
    return "\n".join(f"- {item}" for item in items[:most]) + and_more(len(items) - most)


def and_more(count: int) -> str:
    return f"\n\n… and {count:,} more." if count > 0 else ""


def fold(title: str, *parts: str) -> str:
    """A section that opens on a click; empty without content. The title is not escaped."""
    inside = "\n\n".join(part for part in parts if part)
    return inside and f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>"


def image(alt: str, folder: str, name: str) -> str:
    """A picture; neither the alternative text nor the name is escaped."""
    return f"![{alt}]({quote(folder, safe='/:?=&%~+,@')}/{name})"


def graph(text: str) -> str:
    """A mermaid graph of named stages, written anew; empty if it is anything else."""
    first, *lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    edges = [edge.groups() for edge in map(EDGE.fullmatch, lines) if edge]
    if not re.fullmatch("flowchart (LR|TD)", first) or not 0 < len(edges) == len(lines) < 100:
        return ""
    numbers = {name: n for n, name in enumerate(dict.fromkeys(sum(edges, ())))}
    drawn = [f'    s{n}["{name}"]' for name, n in numbers.items()]
    drawn += [f"    s{numbers[a]} --> s{numbers[b]}" for a, b in edges]
    return "\n".join(["```mermaid", first, *drawn, "```"])
