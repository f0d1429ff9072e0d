"""The long story of `make tour`: `python tests/tour.py FOLDER`. Stops where anything is not as told."""

import os
import random
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flow import Host
from run import ROOT, call, fail, say
from tour_guide import (
    commit,
    expect,
    generate,
    mentions,
    name_the_author,
    output,
    refused,
    report,
    tell,
)
from tour_judge import judged, judging
from tour_live import served, taken_back
from tour_months import months
from tour_pull_requests import address, gate, host, merged, opened, pull_requests, tags

HEADER = "Customer no.;E-mail;Fee (€/month);Since;Paperless?;Plan;Calls;Note;Churned"
PLANS = ("Basic", "Family & Friends", "Größe L")
Row = dict[str, Any]


def main() -> int:
    if len(sys.argv) != 2:
        return fail("usage: python tests/tour.py FOLDER")
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True)
    name_the_author()
    table = own_table(folder)
    months = sample(folder)
    say("Where to look")
    for path, what in (
        (table / "reports/data.json", "what is odd in the table, in columns and row numbers"),
        (table / "src/churn/schema.py", "what its columns may hold, as set-up read it"),
        (months / "reports/holdout.json", "the result on the latest week, overall and by airport"),
        (months / "reports/figures", "ROC, calibration, confusion"),
        (months / "reports/explanation", "what the model looks at"),
        (months / "reports/model_card.html", "what it is for, on which data, how good: one page"),
        (months / "reports/model_card.html", "the model card: what it is for, how good it is"),
        (folder / "reports", "what the judge said of each branch, as a pull request shows it"),
        (months / "README.md", "the commands, in one screen"),
    ):
        expect(path.exists(), f"{path} is there")
        print(f"  {os.path.relpath(path, ROOT)}\n      {what}")
    return 0


def own_table(folder: Path) -> Path:
    """A CSV as people have them, to a first champion; a bad month and a good one."""
    say("1. A table of your own")
    tell("Somebody exported customers from a spreadsheet: semicolons, decimal commas, a byte-order")
    tell("mark, yes and NO, gaps, e-mail addresses, notes. Who will leave?")
    january = write(folder / "customers.csv", customers(3000, seed=1))
    print(*january.read_text("utf-8-sig").splitlines()[:4], sep="\n")

    say("   One command makes a repository of it. Nothing is edited")
    project = generate(folder, "project_name=Churn", "data_file=customers.csv", "target=Churned")
    call("make", "setup", folder=project)
    call("make", "repro", folder=project)
    result = report(project, "holdout")
    auc = result["metrics"]["roc_auc"]["value"]
    expect(0.7 < auc < 0.9, f"the holdout's {result['rows']:,} rows give a ROC AUC of {auc:.3f}")
    first = report(project, "explanation")["features"][0]["feature"]
    expect(first in ("Calls", "Fee (€/month)", "Paperless?"), f"it looks at {first!r} most")
    expect(not mentions(project, "@mail.example"), "no e-mail address is in any report or schema")

    say("   February comes with faults: fees in cents, a plan nobody knows, customers twice")
    bad = customers(800, seed=2, faulty=True)
    write(folder / "february.csv", bad)
    before = (project / "data/raw.dvc").read_bytes()
    said = refused("make", "data", "FILE=../february.csv", folder=project)
    for words in ("Fee (€/month)", "Plan", "Customer no.", "Nothing was changed."):
        expect(words in said, f"the findings name {words!r}")
    expect((project / "data/raw.dvc").read_bytes() == before, "the tracked data are as they were")

    say("   The file is put right and sent again")
    write(folder / "february.csv", customers(800, seed=2, start=3000))
    call("make", "data", "FILE=../february.csv", folder=project)
    call("make", "repro", folder=project)
    rows = report(project, "data")["rows"]
    expect(rows == 3800, f"the table has {rows:,} rows now, and a new champion")
    return project


def sample(folder: Path) -> Path:
    """The flights: publish, a colleague, the next month."""
    say("2. The sample: which flights arrive late?")
    project = generate(folder, "deploy=none")
    call("make", "setup", folder=project)
    call("make", "repro", folder=project)
    commit(project, "Train the first champion")

    with host(folder, project) as github:
        return shared(github, project, folder)


def shared(github: Host, project: Path, folder: Path) -> Path:
    """Publish, a colleague, pull requests, the model in use, the next month."""
    say("   It is published: code and large files go to one repository, no cloud account")
    call("git", "remote", "add", "origin", address(github), folder=project)
    call("make", "publish", "CONFIRM=public", folder=project)

    say("   A colleague clones it. Set-up pulls the data; there is nothing to train")
    call("git", "clone", "--quiet", address(github), "colleague", folder=folder)
    colleague = folder / "colleague"
    call("make", "setup", folder=colleague)
    said = output("make", "repro", folder=colleague)
    expect("Running stage" not in said, "no stage had to run")
    same = (colleague / "model.skops").read_bytes() == (project / "model.skops").read_bytes()
    expect(same, "the colleague has the same champion, byte by byte")

    judging(project, folder / "reports")
    pull_requests(github, project, folder / "reports")
    served(github, project)

    say("6. February arrives: validated, tracked, trained on; the holdout moves to its last week")
    old = report(project, "holdout")["rows"]
    call("git", "switch", "--quiet", "--create", "february", folder=project)
    call("make", "data", "FILE=data/later/flights-2013-02.parquet", folder=project)
    call("make", "repro", folder=project)
    verdict = judged(project, folder / "reports" / "february", 0)
    expect(verdict["policy"] == "maintain", "new data must do no harm; better is not asked for")
    dvc = next(path for path in project.glob(".venv/*/dvc*") if path.stem == "dvc")
    call(dvc, "metrics", "diff", folder=project)
    new = report(project, "holdout")
    auc = new["metrics"]["roc_auc"]["value"]
    expect(new["rows"] != old, f"the holdout is another week: {new['rows']:,} flights")
    expect(0.62 < auc < 0.75, f"its ROC AUC is {auc:.3f}")
    commit(project, "February")
    pull = opened(github, project, "february", "It is sent as a pull request", folder / "reports")
    expect(gate(github, pull).state == "success", "no worse is enough for new data")
    merged(github, project, pull)
    expect("model@v1.2.0" in tags(github), "it is better: version v1.2.0, in production")
    taken_back(github, project)

    say("   The colleague takes it over: code, data and results")
    said = output("make", "update", folder=colleague)
    expect("Running stage" not in said, "again no stage had to run")
    same = report(colleague, "holdout") == report(project, "holdout")
    expect(same, "and the colleague has the result that was judged")

    months(github, project, folder / "reports")
    return project


def customers(rows: int, seed: int, start: int = 0, faulty: bool = False) -> list[Row]:
    """Customers who leave when they pay much, call often and get paper."""
    chance = random.Random(seed)
    made = []
    for number in range(rows):
        fee, calls = chance.gammavariate(4, 9), min(int(chance.expovariate(0.8)), 9)
        paperless = chance.random() < 0.6
        pull = 0.06 * (fee - 36) + 0.8 * calls - 1.6 * paperless - 1.2
        left = pull + chance.gauss(0, 1.5) > 0
        since = date(2019, 1, 15) + timedelta(days=chance.randrange(2000))
        unknown = faulty and number % 5 == 0
        in_cents = faulty and number % 4 == 0
        again = faulty and number % 20 == 0
        made.append(
            {
                "Customer no.": f"C-{100000 + start + (0 if again else number)}",
                "E-mail": f"customer{start + number}@mail.example",
                "Fee (€/month)": ""
                if number % 29 == 0
                else decimal(fee * 100 if in_cents else fee),
                "Since": since.strftime("%d.%m.%Y"),
                "Paperless?": word(chance, paperless),
                "Plan": "Platinum" if unknown else chance.choice(PLANS),
                "Calls": "" if number % 31 == 0 else calls,
                "Note": f"called about invoice {number}, was friendly and wants to think about it",
                "Churned": "" if number % 97 == 0 else word(chance, left),
            }
        )
    return made


def decimal(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def word(chance: random.Random, true: bool) -> str:
    return chance.choice(["Yes", "yes", "YES"] if true else ["No", "no", "NO"])


def write(path: Path, rows: list[Row]) -> Path:
    """Write a CSV as a spreadsheet does."""
    names = HEADER.split(";")
    lines = [HEADER, *(";".join(str(row[name]) for name in names) for row in rows), ""]
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    return path


if __name__ == "__main__":
    sys.exit(main())
