"""Let the pull requests be judged that had to wait for the merged model. Standard library only.

It is a step of its own, after every run: also after the way back was merged, and after a kill.
"""

import os

from champion.ci import gate
from champion.ci.api import Api
from champion.ci.subject import PENDING, pending


def wake(api: Api) -> int:
    """Step `wake`."""
    if model := pending():
        print(f"The model {model[:10]} is not in production: pull requests go on waiting")
        return 0
    base = os.environ["BASE"]
    for pull in api.pages("pulls", state="open", base=base):
        given = gate.statuses(api, pull["head"]["sha"])
        if given and given[0].text.startswith(f"{gate.NOT_JUDGED}{PENDING}"):
            body = {"ref": base, "inputs": {"pull_request": str(pull["number"])}}
            api.post("actions/workflows/judge.yml/dispatches", body)
            print(f"#{pull['number']} is judged now")
    return 0
