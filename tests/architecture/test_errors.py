"""Each error that is raised says what helps: its class has a row where people look it up."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.cli.failures import EXIT_CODES
from shanhai.errors import FaultError, GateDisagreementError, ShanhaiError
from shanhai.ingest.already import AlreadySoError

ROOT = Path(__file__).parents[2]
RUNBOOKS = (ROOT / "docs" / "guide" / "runbooks.md").read_text(encoding="utf-8")
HOUSE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NO_ALERT = {AlreadySoError}
"""Told as done, with code 0."""


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT), ast.parse(file.read_text(encoding="utf-8"))


def raised(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the name of whatever is raised, made there or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            what = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            yield node.lineno, ast.unparse(what).rpartition(".")[2]


def classes() -> list[type[ShanhaiError]]:
    """Every class below the base that the product defines."""
    for file, tree in trees("shanhai", "connectors"):
        bases = [
            ast.unparse(base)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for base in node.bases
        ]
        if any(base.endswith("Error") for base in bases):
            importlib.import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))

    def below(kind: type[ShanhaiError]) -> Iterator[type[ShanhaiError]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    return [one for one in below(ShanhaiError) if one.__module__.startswith(("shanhai.", "connectors."))]


def test_nothing_raises_the_base_of_all_errors():
    found = [
        f"{file}:{line}"
        for file, tree in trees("shanhai", "connectors", "dags", "infra")
        for line, name in raised(tree)
        if name == "ShanhaiError"
    ]
    assert found == []


def test_each_class_has_the_row_of_its_code_and_way_in_the_runbooks():
    rows = set(re.findall(r"^\| `failed` \| `([^`]+)` \| (\d+) \|", RUNBOOKS, re.MULTILINE))
    told = {one for one in classes() if one not in NO_ALERT}
    assert len(told) > 20
    assert {one.__name__ for one in told if (one.recovery, str(one.exit_code)) not in rows} == set()
    assert {(one.recovery, str(one.exit_code)) for one in told} == rows


def test_each_class_has_its_code_in_the_house_and_in_the_help():
    section = HOUSE.split("\n## Errors", 1)[1].split("\n## ", 1)[0]
    codes = dict(re.findall(r"^\| `(\w+)`.*\| (\d+) \|$", section, re.MULTILINE))
    known = {one.__name__: one for one in classes()}
    assert {name: str(known[name].exit_code) for name in codes} == codes
    for one in known.values():
        assert any(base.__name__ in codes for base in one.__mro__), one
        assert re.search(rf"^  {one.exit_code} ", EXIT_CODES, re.MULTILINE), one


@pytest.mark.parametrize("kind", [one for one in classes() if issubclass(one, FaultError)])
def test_a_fault_of_ours_is_no_wrong_configuration_and_no_bad_data(kind: type[ShanhaiError]):
    assert (kind.exit_code, kind.recovery) == (70, "report")


def test_the_alert_of_a_fault_leads_to_what_says_each_message():
    """After a disagreement the delivery is refused; after any other fault its counts may be wrong."""
    (row,) = re.findall(r"^\| `failed` \| `report` \|.*$", RUNBOOKS, re.MULTILINE)
    assert f"`{GateDisagreementError.__name__}`: [gate disagreement]" in row
    assert "any other `error`: [a fault of ours](#failed-a-fault-of-ours)" in row
    section = RUNBOOKS.split("\n## Failed: a fault of ours\n", 1)[1].split("\n## ", 1)[0]
    said = [re.escape(text.rstrip(" …")) for text in re.findall(r"\*([a-zG][^*]+)\*", section)]
    faults = {one.__name__ for one in classes() if issubclass(one, FaultError)}
    faults -= {GateDisagreementError.__name__, "UnbalancedError"}
    for file, tree in trees("shanhai"):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and ast.unparse(node.exc.func) in faults
            ):
                message = ast.unparse(node.exc.args[0]).lstrip("f").strip("'\"")
                assert any(re.match(one, message) for one in said), f"{file}:{node.lineno}: {message}"
    assert "Do not refuse or withdraw" in section
