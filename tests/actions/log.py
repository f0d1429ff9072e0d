"""A step's log: workflow commands in it, and what is masked."""

import re
from dataclasses import dataclass, field

from .errors import Failed

COMMAND = re.compile(r"\s*::([a-zA-Z-]+)(?: .*?)?::(.*)")
LEVELS = {"error": "Error", "warning": "Warning", "notice": "Notice"}
WITHDRAWN = ("add-path", "save-state", "set-env", "set-output")
ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))


@dataclass
class Masks:
    """Values that no log shows."""

    values: set[str] = field(default_factory=set)

    def add(self, value: str) -> None:
        """Hide a value; of several lines each."""
        self.values.update(line for line in [value, *value.splitlines()] if line.strip())

    def hide(self, text: str) -> str:
        for value in sorted(self.values, key=len, reverse=True):
            text = text.replace(value, "***")
        return text


def read(output: str, masks: Masks) -> tuple[str, list[tuple[str, str]]]:
    """Carry out the commands in what a step printed.

    Returns
    -------
    The log as GitHub shows it, and the annotations: level and message.

    Raises
    ------
    Failed : a command was withdrawn for its dangers.
    """
    shown: list[str] = []
    annotations: list[tuple[str, str]] = []
    silenced = ""
    for line in output.splitlines():
        command = COMMAND.match(line)
        if silenced or not command:
            shown.append(line)
            silenced = "" if line.strip() == f"::{silenced}::" else silenced
            continue
        name, message = command[1].lower(), unescaped(command[2])
        if name in WITHDRAWN:
            raise Failed(f"The `{name}` command is disabled: use an environment file.")
        if name == "add-mask":
            masks.add(message)
        elif name == "stop-commands":
            silenced = message
        elif name in LEVELS:
            annotations.append((name, masks.hide(message)))
            line = f"{LEVELS[name]}: {message}"
        if name != "debug":
            shown.append(line)
    return masks.hide("\n".join(shown)), annotations


def unescaped(value: str) -> str:
    for written, meant in ESCAPES:
        value = value.replace(written, meant)
    return value
