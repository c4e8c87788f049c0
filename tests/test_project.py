"""The project's own papers: the workflow, the hook before a commit, the changelog."""

import re
import tomllib

import lint
import pytest
from install import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
JOBS = dict(re.findall(r"^  ([\w-]+):\n((?:    .*\n|\n)+)", WORKFLOW.split("\njobs:\n")[1], flags=re.MULTILINE))


def test_every_action_is_pinned_by_its_commit():
    """A tag can be moved to other code. The version behind it is for people, and for tools that renew the pins."""
    used = re.findall(r"uses: (.*)", WORKFLOW)
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used), used


def test_no_job_may_more_than_it_needs():
    assert "\npermissions:\n  contents: read\n" in WORKFLOW.split("\njobs:\n")[0]
    assert [name for name, job in JOBS.items() if "permissions:" in job] == ["report"]
    assert "permissions:\n      issues: write" in JOBS["report"] and "uses:" not in JOBS["report"]
    assert WORKFLOW.count("persist-credentials: false") == WORKFLOW.count("actions/checkout@")


def test_what_runs_in_a_shell_holds_no_text_that_others_may_write():
    """An expression in a script is pasted into it: a title with a quotation mark would run as a program."""
    for job in JOBS.values():
        for script in re.findall(r"run: \|\n((?:          .*\n)+)|run: (.*)", job):
            assert "${{" not in "".join(script)


def test_the_oldest_python_is_tried_and_each_job_is_reported():
    versions = re.search(r"python: \[(.*)\]", JOBS["test"])[1].replace('"', "").split(", ")
    assert f">={versions[0]}" == PROJECT["requires-python"] and versions == ["3.11", "3.12", "3.13", "3.14"]
    assert set(re.search(r"needs: \[(.*)\]", JOBS["report"])[1].split(", ")) == set(JOBS) - {"report"}
    assert len(JOBS) > 5 and all("timeout-minutes:" in job for job in JOBS.values())


def test_the_hook_runs_a_script_that_is_there():
    entry = re.search(r"entry: python (.*)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))[1]
    assert ROOT / entry == ROOT / "scripts" / "lint.py"


@pytest.mark.parametrize("package", ["ruff", "codespell"])
def test_what_lint_starts_comes_with_the_lesson(package):
    assert any(requirement.startswith(f"{package}>=") for requirement in PROJECT["dependencies"])
    assert (
        lint.lines_of(
            [lint.sys.executable, "-m", {"codespell": "codespell_lib"}.get(package, package), "--version"], ROOT
        )
        == []
    )


def test_the_changelog_begins_with_this_version():
    versions = re.findall(
        r"^## (\d+\.\d+\.\d+),", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    numbers = [tuple(map(int, version.split("."))) for version in versions]
    assert versions[0] == PROJECT["version"] and numbers == sorted(numbers, reverse=True)


def test_no_two_files_of_the_tests_have_one_name():
    """pytest imports them by their names alone, so only a run of all tests would show it."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py")]
    assert sorted(names) == sorted(set(names)), "rename one of two"
