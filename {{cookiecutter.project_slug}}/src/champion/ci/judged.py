"""What score leaves for publish, promotion and a fork's author. Standard library only."""

from pathlib import Path

JUDGED = Path(".champion/judged")
VERDICT = JUDGED / "verdict.json"
SKETCH = JUDGED / "sketch.json"  # of the holdout's rows: see `judge/budget.py`
SUBJECT = JUDGED / "subject.json"  # what was asked: see `ci/subject.py`
PROBLEM = JUDGED / "problem.txt"  # why there is no verdict, where that is nobody's fault
LOCK = JUDGED / "dvc.lock"
OBJECTS = JUDGED / "objects"
ADOPTED = Path(".champion/lock")  # what an author takes over where the judge may not push
PROMOTION = JUDGED / "promotion.json"  # what promotion found: see `ci/verify.py`
