"""A double of docker, as far as the image's job uses it: an image is a folder, run as a process."""

import os
import sys
from pathlib import Path

from registry import Registry


def main(arguments: list[str], registry: Registry) -> str:
    """What it prints.

    Raises
    ------
    LookupError : what it would say on its errors.
    """
    name = arguments[-1]
    match arguments:
        case ["pull", "--quiet", _]:
            registry.pull(name)
        case ["push", "--quiet", _]:
            registry.push(name)
        case ["image", "inspect", "--format", "{{index .RepoDigests 0}}", _]:
            return f"{name.rpartition(':')[0]}@sha256:{registry.get('local')[name]}"
        case ["run", "--detach", *options, _]:
            wanted = ["--read-only", "--cap-drop", "no-new-privileges", "127.0.0.1::8080"]
            assert set(wanted) <= set(options)
            return registry.get("local")[name]
        case ["port", container, "8080/tcp"]:
            return registry.address(registry.folder / "built" / container)
        case ["logs" | "rm", *_]:
            pass
        case _:
            raise LookupError(f"the double of docker knows no {' '.join(arguments)}")
    return ""


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:], Registry(Path(os.environ["DOUBLE_REGISTRY"]))))
    except LookupError as error:
        sys.exit(str(error.args[0]))
