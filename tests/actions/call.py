"""What a stand-in is given."""

from collections.abc import Callable
from dataclasses import dataclass

from .errors import Refused
from .place import Place
from .result import Step


@dataclass
class Call:
    """One use of an action: its inputs evaluated, the job around it.

    Parameters
    ----------
    variables : what the action's process would see.
    """

    uses: str
    inputs: dict[str, str]
    place: Place
    step: Step
    variables: dict[str, str]

    def take(self, defaults: dict[str, str]) -> dict[str, str]:
        """The inputs that the stand-in knows, an empty one as its default.

        Raises
        ------
        Refused : there are others.
        """
        if unknown := sorted(set(self.inputs) - set(defaults)):
            raise Refused(f"The stand-in of {self.uses} knows no input {', '.join(unknown)}.")
        return {name: self.inputs.get(name) or default for name, default in defaults.items()}

    def say(self, line: str) -> None:
        self.step.log = f"{self.step.log}\n{line}".lstrip("\n")

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do something when every step was a success: the action's own last step."""
        self.place.afterwards.append(work)
