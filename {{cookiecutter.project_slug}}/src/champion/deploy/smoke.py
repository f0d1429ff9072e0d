"""Ask a running service what is known: the holdout's rows must get the judged predictions."""

import argparse
import http.client
import json
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.ci import lock
from champion.errors import Refusal, shown
from champion.judge.champion import Champion
from champion.project import HOLDOUT
from champion.serve.released import released
from champion.workspace.git import show
from champion.workspace.objects import find, place

CLOSE = 1e-9  # by which a prediction may differ from the judged one, as at promotion
ROWS = 1000  # of the holdout, at most
BATCH = 250  # rows of a request
TIMEOUT = 30.0  # seconds for an answer


class Differs(Refusal):
    """The service answers, or does not, otherwise than it must; exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=1)


class AnotherVersion(Differs):
    """It is the service of another version."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="of a service, such as http://localhost:8080")
    parser.add_argument("--version", help="that it must serve; default: the one in production")


def run(arguments: argparse.Namespace) -> int:
    champion = released(arguments.version)
    rows = ask(arguments.url, champion)
    print(f"{arguments.url} says of {rows:,} rows of the holdout what the {champion.name} said")
    return 0


def ask(url: str, champion: Champion) -> int:
    """Compare a service's answers with the predictions that were judged.

    Returns
    -------
    How many rows it was asked about.

    Raises
    ------
    Differs : it serves another version, says something else, or nothing.
    Refusal : the holdout or its predictions are not to be had.
    """
    holdout, judged = known(champion.commit)
    names = [tensor["name"] for tensor in request(url, "/v2/models/model")["inputs"]]
    if lost := sorted(set(names) - set(holdout)):
        raise Differs(f"it asks for {shown(', '.join(lost))}, which the holdout does not have.")
    version = champion.version or champion.commit[:7]
    for start in range(0, len(holdout), BATCH):
        rows = as_json(holdout[names].iloc[start : start + BATCH])
        said = request(url, "/predict", {"rows": rows})
        if said["model"]["version"] != version:
            other = shown(str(said["model"]["version"]))
            raise AnotherVersion(f"it serves {other}, not {version}.")
        compare(said["predictions"], judged.iloc[start : start + BATCH])
    return len(holdout)


def known(commit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Some rows of a commit's holdout, and what was judged of them: `score`, or a column a class."""
    made = lock.parsed(show(commit, "dvc.lock"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, HOLDOUT.name)
        place(made.outs[HOLDOUT.as_posix()], path)
        holdout = pd.read_parquet(path).set_index("row_id")
    judged = pd.read_parquet(find(made.predictions)).set_index("row_id")
    chosen = judged.sample(min(len(judged), ROWS), random_state=0)
    return holdout.loc[chosen.index], chosen


def as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a client sends them; every number to its last digit."""

    def value(it: Any) -> Any:
        if pd.isna(it):
            return None
        if isinstance(it, pd.Timestamp):
            return it.isoformat()
        return it.item() if isinstance(it, np.generic) else it

    return [{k: value(it) for k, it in row.items()} for row in table.to_dict("records")]


def request(url: str, path: str, body: Any = None) -> Any:
    """What a route answers.

    Raises
    ------
    Differs : no answer, or an error.
    """
    content = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(url.rstrip("/") + path, content, headers)
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Differs(f"it answers {path} with {error.code}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Differs(f"it does not answer {path} ({type(error).__name__}).") from error


def compare(predictions: list[dict[str, Any]], judged: pd.DataFrame) -> None:
    """Refuse predictions that are not the judged ones."""
    said = np.array(
        [[it.get("scores", it).get(name, np.nan) for name in judged] for it in predictions], float
    )
    if said.shape != judged.shape:
        raise Differs(f"it answers {len(judged)} rows with {len(predictions)} predictions.")
    apart = float(np.abs(said - judged.to_numpy(float)).max())
    if not apart <= CLOSE:
        raise Differs(f"its predictions differ from the judged ones by {apart:.2g}.")
