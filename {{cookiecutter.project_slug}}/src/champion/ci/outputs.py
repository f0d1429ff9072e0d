"""What a step tells the workflow."""

import os
import secrets
from pathlib import Path


def write_output(name: str, value: str) -> None:
    """Set an output of the step; whatever is in the value, it is one value."""
    end = secrets.token_hex(16)
    append("GITHUB_OUTPUT", f"{name}<<{end}\n{value}\n{end}\n")


def write_summary(text: str) -> None:
    """Show Markdown on the page of the run."""
    append("GITHUB_STEP_SUMMARY", text + "\n")


def append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
