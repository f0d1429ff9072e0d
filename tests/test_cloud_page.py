"""docs/cloud.md says what the workflows read, and its examples are what a cloud takes."""

import json
import re

import pytest

from conftest import PROJECT

PAGE = (PROJECT / "docs/cloud.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
NAMES = r"((?:AWS|GOOGLE|AZURE)_[A-Z_]+)"


def test_its_names_are_those_that_the_workflows_read() -> None:
    files = [*PROJECT.glob(".github/workflows/*.yml"), *PROJECT.glob(".github/actions/*/*.yml")]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    assert set(re.findall(rf"`{NAMES}`", PAGE)) == set(re.findall(rf"\b{NAMES}\b", text))


def test_every_cloud_has_an_example() -> None:
    assert len(EXAMPLES) == len(re.findall(r"(?m)^## ", PAGE)) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=["aws", "google", "azure"])
def test_only_the_judges_environment_may_write(example: str) -> None:
    json.loads(example)
    (subject,) = re.findall(r"repo:[^\"]*", example)
    assert subject == "repo:OWNER@OWNER_ID/REPO@REPO_ID:environment:judge"
    assert "*" not in example
    jobs = (PROJECT / ".github/workflows/judge.yml").read_text(encoding="utf-8")
    assert "environment: judge\n" in jobs
