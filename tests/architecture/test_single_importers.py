"""One importer each: the environment, the wall clock, Airflow, Great Expectations."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("shanhai", "connectors")


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def attributes(tree: ast.Module) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_only_settings_reads_the_environment():
    found = {
        name
        for name, tree in modules(*PACKAGES, "dags")
        if attributes(tree) & {"os.environ", "os.getenv", "os.environb"}
    }
    assert found == {"shanhai/settings.py"}


def test_only_clock_reads_the_wall_clock():
    wall = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "dt.datetime.now"}
    found = {name for name, tree in modules(*PACKAGES) if attributes(tree) & wall}
    assert found == {"shanhai/clock.py"}


@pytest.mark.parametrize(
    ("package", "room"), [("airflow", "dags/"), ("great_expectations", "shanhai/quality/")]
)
def test_has_one_importer(package: str, room: str):
    users = {
        name
        for name, tree in modules(*PACKAGES, "dags")
        if any(one == package or one.startswith(f"{package}.") for one in imported(tree))
    }
    assert users
    assert all(name.startswith(room) for name in users), users


def test_heavy_packages_are_imported_inside_functions_only():
    """`shanhai --help` and the parsing of DAGs must not pay for what they do not use."""
    heavy = {"duckdb", "deltalake", "pyarrow", "great_expectations", "dbt", "httpx", "pandas", "sqlalchemy"}
    heavy |= {"minio", "paramiko"}
    allowed = ("shanhai/quality/satisfy.py", "connectors/", "shanhai/connect/", "shanhai/ingest/decode/")
    allowed += ("shanhai/ingest/infer/",)
    at_top = {
        name
        for name, tree in modules("shanhai")
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in ([a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if one.split(".")[0] in heavy
    }
    assert {name for name in at_top if not name.startswith(allowed)} <= LATE


LATE: set[str] = {
    "shanhai/quality/checked.py",
    "shanhai/quality/compiles.py",
    "shanhai/quality/registers.py",
}
"""Modules that only steps import, never the command line's start or a DAG file."""


def test_no_room_is_an_attic():
    names = {file.stem for folder in PACKAGES for file in (ROOT / folder).rglob("*.py")}
    assert not names & {"utils", "util", "common", "helpers", "helper", "core", "misc", "base"}
