"""One report a pull request, in one comment that stays where it is.

CML posts it. `cml comment update` edits the newest comment with its mark among the first 30,
whoever wrote it, and adds one if there is none. So it would add one again and again once the
report stands behind 30 others, and write it into a comment that a stranger has marked and can
edit. There, and where CML is missing, the report is posted here.
"""

import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from champion.ci.api import TRIES, Api, Unsure
from champion.ci.outputs import write_output
from champion.errors import Refusal

SEEN = 30  # comments that CML looks at
MARK = '![](https://cml.dev/watermark.png#{} "CML watermark champion")'
MARKED = re.compile(re.escape(MARK).replace(r"\{\}", "[0-9a-fA-F]+"))

Comment = dict[str, Any]


def comment(api: Api) -> int:
    """Step `comment`; the output `cml` is set if CML is to post."""
    place = f"issues/{int(os.environ['PULL_REQUEST'])}/comments"
    comments = list(api.pages(place))
    found, own = last(comments[:SEEN]), last(filter(by_a_bot, comments))
    if shutil.which("cml") and found == own:
        write_output("cml", "true")
        return 0
    text = Path(os.environ["REPORT"]).read_text(encoding="utf-8")
    body = {"body": f"{text}\n\n{MARK.format(os.environ['GITHUB_SHA'])}"}
    for attempt in range(TRIES):
        if own:
            api.patch(f"issues/comments/{own['id']}", body)
            return 0
        try:
            api.post(place, body, again=False)
        except Unsure as unsure:
            print(f"champion ci comment: {unsure}")
            time.sleep(2.0**attempt)
            own = last(filter(by_a_bot, api.pages(place)))  # it may be there all the same
        else:
            return 0
    raise Refusal("the comment could not be posted: GitHub did not answer.", code=1)


def last(comments: Iterable[Comment]) -> Comment | None:
    """The newest of those with CML's mark."""
    return next((one for one in reversed(list(comments)) if MARKED.search(one["body"] or "")), None)


def by_a_bot(comment: Comment) -> bool:
    """Whether no person can edit it as its author."""
    return (comment["user"] or {}).get("type") == "Bot"
