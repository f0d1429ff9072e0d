"""A double of kubectl and a cluster: it knows deployments by their image, and asks the registry."""

import os
import signal
import sys
from pathlib import Path

from registry import Registry
from ruamel.yaml import YAML


def main(arguments: list[str], registry: Registry) -> str:
    """What it prints.

    Raises
    ------
    LookupError : what it would say on its errors.
    """
    if not Path(os.environ.get("KUBECONFIG", "")).is_file():
        raise LookupError("The connection to the server localhost:8080 was refused")
    match arguments:
        case ["config", "set-context", "--current", namespace]:
            registry.set("cluster", namespace=namespace.partition("=")[2])
        case ["get", name, "--ignore-not-found", "--output", _]:
            return registry.get("deployments").get(name, "")
        case ["apply", "--kustomize", folder]:
            name, image = read(Path(folder))
            tell(registry, "apply", name, image)
        case ["set", "image", name, change]:
            tell(registry, "set", name, change.partition("=")[2])
        case ["rollout", "status", name, _]:
            image = registry.get("deployments")[name].rpartition("sha256:")[2]
            registry.wait(registry.address(registry.pushed(image)))
        case ["port-forward", service, ":80"]:
            name = service.replace("service/", "deployment/")
            image = registry.get("deployments")[name].rpartition("sha256:")[2]
            address = registry.address(registry.pushed(image))
            print(f"Forwarding from {address} -> 8080", flush=True)
            signal.pause()
        case _:
            raise LookupError(f"the double of kubectl knows no {' '.join(arguments)}")
    return ""


def read(folder: Path) -> tuple[str, str]:
    """The deployment that a kustomization makes, and its image."""
    content = YAML(typ="safe").load(folder / "kustomization.yaml")
    (resource,), (image,) = content["resources"], content["images"]
    overlay = YAML(typ="safe").load(folder / resource / "kustomization.yaml")
    name = f"deployment/model{overlay.get('nameSuffix', '')}"
    return name, f"{image['newName']}@{image['digest']}"


def tell(registry: Registry, verb: str, name: str, image: str) -> None:
    registry.set("deployments", **{name: image})
    done = registry.get("history").get("done", [])
    registry.set("history", done=[*done, [verb, name.removeprefix("deployment/"), image]])


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:], Registry(Path(os.environ["DOUBLE_REGISTRY"]))))
    except LookupError as error:
        sys.exit(str(error.args[0]))
