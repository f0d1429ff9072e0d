"""The card as one HTML file: its figures are inside, nothing is loaded, no script runs."""

import base64
import re
from html import escape
from pathlib import Path

FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --paper: #fff;
  --card: #f6f8fa; --blue: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --paper: #0d1117; --card: #151b23; --blue: #4493f8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 32px 32px 64px; }
h1 { font-size: 26px; margin: 0 0 6px; text-wrap: balance; }
h2 { font-size: 18px; margin: 40px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--line); }
h3 { font-size: 15px; margin: 26px 0 4px; }
p { margin: 0 0 12px; max-width: 72ch; } em { color: var(--soft); }
code { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, monospace; background: var(--card);
  border-radius: 4px; padding: 1px 5px; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 8px 0 16px; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 5px 18px 5px 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } thead:not(:has(th:not(:empty))) { display: none; }
td:first-child { min-width: 9em; }
figure { margin: 16px 0; padding: 14px; background: #fff; border: 1px solid var(--line);
  border-radius: 8px; overflow-x: auto; } figure img { max-width: 100%; max-height: 340px; display: block; }
figcaption { color: #59636e; font-size: 13px; margin-top: 8px; }
"""


def as_html(markdown: str, folder: Path) -> str:
    """The page of a card; its pictures are those of the folder."""
    from markdown_it import MarkdownIt

    text = FRONT.sub("", markdown)
    title = re.search(r"(?m)^# (.*)$", text)
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    body = re.sub(
        r'<p><img src="([\w./-]+)" alt="([^"]*)" /></p>',
        lambda it: picture(folder / it[1], it[2]),
        body,
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title[1].replace('`', '') if title else 'Model card')}</title>\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def picture(path: Path, caption: str) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="" src="data:image/png;base64,{content}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
