"""The executor of workflows does as GitHub documents: one small workflow a rule."""

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from actions.repository import Environment
from actions.result import STAND_IN
from small_workflow import CHECKOUT, FORK, PIN, World, conclusions, new_world

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs the jobs of other systems")


@pytest.fixture
def world(tmp_path: Path, outside: Path) -> World:
    return new_world(tmp_path)


STEPS = {
    "the default shell ends at an error": (
        """
        - run: |
            false
            echo on
        """,
        "failure",
        "",
    ),
    "the default shell forgives an error in a pipe": ("- run: false | cat", "success", ""),
    "bash does not": (
        """
        - run: false | cat
          shell: bash
        """,
        "failure",
        "",
    ),
    "python is a shell": (
        """
        - run: mkdir bin && ln -s "$(command -v python3)" bin/python && echo "$PWD/bin" >> "$GITHUB_PATH"
        - run: print(6 * 7)
          shell: python
        """,
        "success",
        "42",
    ),
    "a shell of one's own": (
        """
        - run: hello
          shell: cat {0}
        """,
        "success",
        "hello",
    ),
    "an unknown shell fails": (
        """
        - run: ls
          shell: pwsh
        """,
        "failure",
        "Error: There is no shell pwsh here.",
    ),
    "after a failure only who asks for it runs": (
        """
        - run: exit 1
        - run: echo usual
        - run: echo always
          if: always()
        - run: echo failure
          if: failure()
        - run: echo "not with a condition alone"
          if: github.event_name == 'push'
        """,
        "failure",
        "always\nfailure",
    ),
    "an error that may be": (
        """
        - run: exit 1
          id: first
          continue-on-error: true
        - run: echo ${{ steps.first.outcome }} ${{ steps.first.conclusion }} ${{ job.status }}
        """,
        "success",
        "failure success success",
    ),
    "outputs, variables and paths reach the steps after": (
        r"""
        - id: set
          run: |
            mkdir bin && printf '#!/bin/sh\necho mine\n' > bin/tool && chmod +x bin/tool
            echo "$PWD/bin" >> "$GITHUB_PATH"
            echo "a=b=c" >> "$GITHUB_OUTPUT"
            printf 'lines<<END\none\n\ntwo\nEND\n' >> "$GITHUB_ENV"
            echo "now: $lines"
        - run: |
            tool
            echo "${{ steps.set.outputs.a }}|$lines|${{ env.lines }}"
        """,
        "success",
        "now: \nmine\nb=c|one\n\ntwo|one\n\ntwo",
    ),
    "of two programs the one whose folder came last": (
        r"""
        - run: |
            for one in first last; do
              mkdir $one && printf "#!/bin/sh\necho $one\n" > $one/tool && chmod +x $one/tool
              echo "$PWD/$one" >> "$GITHUB_PATH"
            done
        - run: tool
        """,
        "success",
        "last",
    ),
    "an unfinished value fails": (
        """
        - run: printf 'a<<END\\nb\\n' >> "$GITHUB_OUTPUT"
        """,
        "failure",
        "Error: Invalid value. Matching delimiter not found 'END'",
    ),
    "a line without a value fails": (
        """
        - run: echo nonsense >> "$GITHUB_ENV"
        """,
        "failure",
        "Error: Invalid format 'nonsense'",
    ),
    "GitHub's own variables cannot be set": (
        """
        - run: echo "GITHUB_SHA=mine" >> "$GITHUB_ENV"
        - run: test "$GITHUB_SHA" = "${{ github.sha }}" && echo same
        """,
        "success",
        "same",
    ),
    "Node's options cannot be set": (
        """
        - run: echo "NODE_OPTIONS=--require=./evil.js" >> "$GITHUB_ENV"
        """,
        "failure",
        "Error: Can't store NODE_OPTIONS in GITHUB_ENV.",
    ),
    "masks": (
        """
        - run: |
            echo before hunter2
            echo "::add-mask::hunter"
            echo "::add-mask::hunter2"
            echo after hunter2
        - run: echo hunter2 | tee "$GITHUB_STEP_SUMMARY"
        """,
        "success",
        "before ***\n::add-mask::***\n::add-mask::***\nafter ***\n***",
    ),
    "commands": (
        """
        - run: |
            echo "::group::all"
            echo "::warning file=a.py,line=1::careful%0Athere"
            echo "::debug::unseen"
            echo "::stop-commands::quiet"
            echo "::error::no command"
            echo "::quiet::"
            echo "::endgroup::"
        """,
        "success",
        "::group::all\nWarning: careful\nthere\n::stop-commands::quiet\n::error::no command\n"
        "::quiet::\n::endgroup::",
    ),
    "a withdrawn command fails": (
        "- run: echo '::set-env name=a::b'",
        "failure",
        "Error: The `set-env` command is disabled: use an environment file.",
    ),
    "text with quotes and braces stays": (
        """
        - run: echo "it's 'a' {b} ${{ 'c''d''e' }}"
        """,
        "success",
        "it's 'a' {b} c'd'e",
    ),
    "values are written as GitHub writes them": (
        """
        - run: echo "$A $B $C[$D] ${{ 1.50 }} ${{ true }}"
          env: {A: true, B: 3.10, C: null, D: "${{ github.nothing }}"}
        """,
        "success",
        "true 3.1 [] 1.5 true",
    ),
    "a step's variables are its own": (
        """
        - run: echo "$A ${{ env.A }}"
          if: env.A == 'x'
          env: {A: x}
        - run: echo "[$A]"
        """,
        "success",
        "x x\n[]",
    ),
    "a wrong expression fails when it is reached": (
        "- run: echo ${{ fromJSON('{') }}",
        "failure",
        None,
    ),
    "hashes of nothing and of what is left": (
        """
        - run: mkdir a && echo 1 > a/b.txt && echo 2 > c.txt
        - run: |
            echo "[${{ hashFiles('**/*.md') }}]"
            test "${{ hashFiles('**/*.txt', '!a/**') }}" = "${{ hashFiles('c.txt') }}"
            test "${{ hashFiles('**/*.txt') }}" = "${{ hashFiles('a', '*.txt') }}"
            test "${{ hashFiles('*.txt') }}" != "${{ hashFiles('**/*.txt') }}"
        """,
        "success",
        "[]",
    ),
}


@pytest.mark.parametrize(("steps", "conclusion", "log"), STEPS.values(), ids=STEPS)
def test_steps(world: World, steps: str, conclusion: str, log: str | None) -> None:
    run = world.steps(steps)
    assert (run.conclusion, log and run.log) == (conclusion, log), run.log


JOBS = {
    "what needs a failed job is skipped, whatever lies between": (
        """
        jobs:
          a: {runs-on: ubuntu-latest, steps: [run: exit 1]}
          b: {needs: a, runs-on: ubuntu-latest, steps: [run: echo b]}
          c: {needs: b, if: always(), runs-on: ubuntu-latest, steps: [run: "echo c ${{ needs.b.result }}"]}
          d: {needs: c, runs-on: ubuntu-latest, steps: [run: echo d]}
          e: {needs: c, if: failure(), runs-on: ubuntu-latest, steps: [run: echo e]}
          f: {runs-on: ubuntu-latest, steps: [run: echo f]}
        """,
        {"a": "failure", "b": "skipped", "c": "success", "d": "skipped", "e": "success"}
        | {"f": "success"},
        "c skipped\ne\nf",
        "failure",
    ),
    "a condition that does not hold": (
        """
        jobs:
          a: {if: "github.ref == 'refs/heads/other'", runs-on: ubuntu-latest, steps: [run: exit 1]}
          b: {needs: [a], if: "!failure()", runs-on: ubuntu-latest, steps: [run: echo b]}
        """,
        {"a": "skipped", "b": "success"},
        "b",
        "success",
    ),
    "a job that may fail is a success to those after it": (
        """
        jobs:
          a: {continue-on-error: true, runs-on: ubuntu-latest, steps: [run: exit 1]}
          b: {needs: a, runs-on: ubuntu-latest, steps: [run: "echo ${{ needs.a.result }}"]}
        """,
        {"a": "failure", "b": "success"},
        "success",
        "success",
    ),
    "outputs go to the jobs that need them, secrets do not": (
        """
        jobs:
          b:
            needs: a
            runs-on: ubuntu-latest
            steps: [run: "echo '${{ needs.a.outputs.x }} ${{ needs.a.outputs.secret }}.'"]
          a:
            runs-on: ubuntu-latest
            outputs:
              x: ${{ steps.one.outputs.x }}
              secret: ${{ steps.one.outputs.y }}
            steps:
              - id: one
                run: |
                  echo "x=1" >> "$GITHUB_OUTPUT"
                  echo "::add-mask::hunter2"
                  echo "y=a hunter2" >> "$GITHUB_OUTPUT"
        """,
        {"a": "success", "b": "success"},
        "::add-mask::***\n1 .",
        "success",
    ),
    "a matrix of its own making, ended by its first failure": (
        """
        jobs:
          a:
            runs-on: ubuntu-latest
            strategy:
              matrix: {n: "${{ fromJSON('[1, 2, 3]') }}"}
            steps: [run: "echo ${{ matrix.n }} ${{ strategy.job-index }}/${{ strategy.job-total }}; test $N != 2"]
            env: {N: "${{ matrix.n }}"}
          b: {needs: a, if: always(), runs-on: ubuntu-latest, steps: [run: "echo ${{ needs.a.result }}"]}
        """,
        {"a (1)": "success", "a (2)": "failure", "a (3)": "cancelled", "b": "success"},
        "1 0/3\n2 1/3\nfailure",
        "failure",
    ),
    "a matrix that is not": (
        """
        jobs:
          a:
            name: leg ${{ matrix.n }}
            runs-on: ubuntu-latest
            strategy: {fail-fast: false, matrix: {n: [1, 2]}}
            steps: [run: exit 1]
        """,
        {"leg 1": "failure", "leg 2": "failure"},
        "",
        "failure",
    ),
    "a system by its label, without its shell": (
        """
        jobs:
          a: {runs-on: windows-latest, steps: [{run: "echo $RUNNER_OS ${{ runner.os }}", shell: bash}]}
          b: {runs-on: windows-latest, steps: [run: ls]}
        """,
        {"a": "success", "b": "failure"},
        "Windows Windows\nError: There is no shell pwsh here.",
        "failure",
    ),
    "variables and defaults at three levels": (
        """
        env: {A: workflow, B: workflow, C: workflow}
        defaults: {run: {shell: bash}}
        jobs:
          a:
            runs-on: ubuntu-latest
            env: {B: job, C: job}
            defaults: {run: {working-directory: inner}}
            steps:
              - run: mkdir inner
                working-directory: .
              - run: echo "$A $B $C ${PWD##*/}"; false | cat
                env: {C: step}
        """,
        {"a": "failure"},
        "workflow job step inner",
        "failure",
    ),
}


@pytest.mark.parametrize(("workflow", "jobs", "log", "conclusion"), JOBS.values(), ids=JOBS)
def test_jobs(world: World, workflow: str, jobs: dict[str, str], log: str, conclusion: str) -> None:
    run = world.run(workflow)
    assert (conclusions(run), run.log, run.conclusion) == (jobs, log, conclusion)


def test_a_summary_that_is_too_long_is_dropped(world: World) -> None:
    run = world.steps("""
        - run: echo hunter2 > "$GITHUB_STEP_SUMMARY"; echo "::add-mask::hunter2"
        - run: printf '%*s' 1048577 > "$GITHUB_STEP_SUMMARY"
    """)
    assert (run.conclusion, run.summary) == ("success", "***\n")


def test_hash_files_is_github_s(world: World) -> None:
    run = world.steps("- run: printf one > a; printf two > b\n- run: echo ${{ hashFiles('*') }}")
    parts = b"".join(hashlib.sha256(content).digest() for content in (b"one", b"two"))
    assert run.log == hashlib.sha256(parts).hexdigest()


# Time and cancelling


SLOW = """
    name: slow
    description: slow
    runs: {using: composite, steps: [{shell: bash, run: sleep 60}]}
"""


def test_a_step_out_of_time_fails_and_a_job_out_of_time_is_cancelled(world: World) -> None:
    world.machine.minute = 0.3
    run = world.run(
        """
        jobs:
          step:
            runs-on: ubuntu-latest
            steps:
              - {run: echo begun; sleep 60, timeout-minutes: 1}
              - {run: echo cleaned, if: failure()}
          job:
            runs-on: ubuntu-latest
            timeout-minutes: 1
            steps:
              - {run: sleep 60}
              - {run: echo failed, if: failure()}
              - {run: echo ended, if: cancelled()}
          action:
            runs-on: ubuntu-latest
            steps:
              - {uses: $/slow, timeout-minutes: 1}
          after: {needs: job, if: always(), runs-on: ubuntu-latest, steps: [run: "echo ${{ needs.job.result }}"]}
    """,
        {"slow/action.yml": SLOW},
    )
    assert conclusions(run) == {
        "step": "failure",
        "job": "cancelled",
        "action": "failure",
        "after": "success",
    }
    assert run.log.splitlines() == [
        "begun",
        "Error: The action has timed out.",
        "cleaned",
        "ended",
        "Error: The action has timed out.",
        "cancelled",
    ]
    assert run.conclusion == "failure"
    assert [step.outcome for step in run.job("job").steps] == ["cancelled", "skipped", "success"]


def test_a_cancelled_run_stops_and_cleans_up(world: World) -> None:
    world.machine.stand_ins["ada/cancel"] = lambda call: call.place.run.cancel()
    run = world.run(f"""
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - uses: ada/cancel@{PIN}
              - run: echo usual
              - run: echo ${{{{ job.status }}}}
                if: always()
          b: {{needs: a, runs-on: ubuntu-latest, steps: [run: echo b]}}
          c: {{needs: a, if: cancelled(), runs-on: ubuntu-latest, steps: [run: echo c]}}
    """)
    assert conclusions(run) == {"a": "cancelled", "b": "cancelled", "c": "success"}
    assert (run.conclusion, run.log) == ("cancelled", "cancelled\nc")


def test_a_job_whose_condition_holds_in_a_cancelled_run_keeps_on(world: World) -> None:
    world.machine.stand_ins["ada/cancel"] = lambda call: call.place.run.cancel()
    run = world.run(f"""
        jobs:
          a: {{if: always(), runs-on: x, steps: [uses: ada/cancel@{PIN}, run: "echo a"]}}
          b: {{needs: a, if: "!cancelled()", runs-on: x, steps: [run: echo b]}}
          c: {{needs: a, if: always(), runs-on: x, steps: [run: echo c]}}
    """)
    assert conclusions(run) == {"a": "success", "b": "cancelled", "c": "success"}
    assert run.log == "a\nc"


def test_what_a_step_leaves_running_ends_with_its_job(world: World, tmp_path: Path) -> None:
    note = tmp_path / "note"
    run = world.steps(f"- run: (sleep 0.3; touch {note}) &\n- run: echo on")
    assert run.log == "on"
    time.sleep(0.5)
    assert not note.exists()


# Actions of the repository's own

ACTION = """\
    name: greet
    description: says hello
    inputs:
      who: {description: whom, default: "${{ github.actor }}"}
      other: {description: unused, required: true}
    outputs:
      said: {description: what, value: "${{ steps.say.outputs.said }}"}
    runs:
      using: composite
      steps:
        - id: say
          shell: bash
          run: |
            echo "hello ${{ inputs.who }}, $MOOD" | tee -a "$GITHUB_STEP_SUMMARY"
            echo "said=$(cat "$GITHUB_ACTION_PATH/word.txt")" >> "$GITHUB_OUTPUT"
            echo "LEFT=behind" >> "$GITHUB_ENV"
        - {if: "inputs.who == 'fail'", shell: bash, run: exit 1}
        - {if: failure(), shell: bash, run: echo inner failure}
"""
GREET = {".github/actions/greet/action.yml": ACTION, ".github/actions/greet/word.txt": "aloha"}


def test_a_composite_action_of_the_workflow_s_commit(world: World) -> None:
    run = world.steps(
        """
        - id: greet
          uses: $/.github/actions/greet
          env: {MOOD: glad}
        - run: echo "${{ steps.greet.outputs.said }} $LEFT [$MOOD] ${{ steps.say.outputs.said }}"
        - uses: $/.github/actions/greet
          with: {who: fail, unknown: 1}
        - run: echo ${{ job.status }}
          if: failure()
        """,
        GREET,
    )
    assert run.log.splitlines() == [
        "hello ada, glad",
        "aloha behind [] ",
        "hello fail, ",
        "inner failure",
        "failure",
    ]
    assert run.summary == "hello ada, glad\n\nhello fail, \n"
    assert run.job("job").steps[2].annotations == [("warning", "Unexpected input 'unknown'")]


def test_a_checked_out_action_needs_a_checkout(world: World) -> None:
    use = "- uses: ./.github/actions/greet"
    run = world.steps(use, GREET)
    assert run.conclusion == "failure"
    assert "Did you forget to run actions/checkout" in run.log
    assert "Can't find 'action.yml'" in world.steps("- uses: $/.github/actions/gone").log
    run = world.steps(f"- uses: {CHECKOUT}\n{use}")
    assert run.conclusion == "success"
    assert run.how(STAND_IN) == ["actions/checkout"]


# What may a job do


def test_every_job_has_a_token_of_its_own_while_it_runs(world: World) -> None:
    held: list[bool] = []
    tokens = world.repository.tokens
    world.machine.stand_ins["ada/ask"] = lambda call: held.extend(
        tokens[call.inputs["token"]].may("statuses", access) for access in ("read", "write")
    )
    step = f"steps: [{{uses: ada/ask@{PIN}, with: {{token: '${{{{ github.token }}}}'}}}}]"
    run = world.run(f"""
        permissions: {{}}
        jobs:
          a: {{runs-on: ubuntu-latest, permissions: {{statuses: read}}, {step}}}
          b: {{runs-on: ubuntu-latest, {step}}}
    """)
    assert held == [True, False, False, False]
    assert len(tokens) == 2
    assert not any(token.may("metadata", "read") for token in tokens.values())
    assert run.job("a").token is not run.job("b").token


TELL = """
    permissions: {contents: write}
    jobs:
      job:
        runs-on: ubuntu-latest
        environment: judge
        steps:
          - run: echo "[$S$V]" | tr a-z b-za
            env: {S: "${{ secrets.KEY }}${{ secrets.DEEP }}", V: "${{ vars.V }}"}
          - run: echo "${{ secrets.KEY }} ${{ secrets.GITHUB_TOKEN == github.token }}"
"""


@pytest.mark.parametrize(
    ("event", "log", "access"),
    [
        ({"name": "push"}, "[lfzeffqw]\n*** true", "write"),
        (
            {"name": "pull_request", "payload": {"action": "opened", **FORK}},
            "[]\n true",
            "read",
        ),
        (
            {"name": "pull_request", "payload": {"action": "opened"}, "actor": "dependabot[bot]"},
            "[]\n true",
            "read",
        ),
    ],
    ids=["own", "fork", "dependabot"],
)
def test_a_fork_has_no_secrets_and_a_token_that_reads(
    world: World, event: dict[str, Any], log: str, access: str
) -> None:
    world.repository.secrets["KEY"] = "key"
    world.repository.variables["V"] = "v"
    world.repository.environments["judge"] = Environment({"DEEP": "deep"})
    run = world.run(TELL, **event)
    assert run.log == log
    assert run.job("job").environment == "judge"
    token = run.job("job").token
    assert token
    assert token.permissions["contents"] == access


def test_an_environment_is_for_its_branches(world: World) -> None:
    world.repository.environments["judge"] = Environment({"KEY": "deep"}, branches=("main",))
    run = world.run(TELL, ref="refs/heads/other")
    assert (run.conclusion, run.log) == ("failure", "")
    assert run.job("job").reason == "refs/heads/other is not allowed to deploy to judge."
