"""DAG files are wiring: what they import, and what a task body may hold."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
FILES = sorted(DAGS.rglob("*.py"))
ALLOWED = ("airflow.sdk", "airflow.providers.standard.operators.empty", "dag_factories", "shanhai.settings")
STANDARD = sys.stdlib_module_names - {"os", "random", "time", "uuid", "subprocess", "socket"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(DAGS).as_posix())
def test_top_level_imports_are_light(file: Path) -> None:
    names = {name for node in ast.parse(file.read_text()).body for name in _imported(node)}
    foreign = {name for name in names if name.split(".")[0] not in STANDARD}
    assert not {name for name in foreign if not name.startswith(ALLOWED)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(DAGS).as_posix())
def test_a_task_body_is_one_call_into_shanhai(file: Path) -> None:
    for function in _tasks(ast.parse(file.read_text())):
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
        steps = [call for call in calls if ast.unparse(call.func).startswith("steps.")]
        assert len(steps) <= 1, function.name
        assert len(function.body) <= 4, function.name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(DAGS).as_posix())
def test_no_clock_no_chance_no_environment(file: Path) -> None:
    text = file.read_text()
    assert not [
        word for word in (".now(", ".today(", "random", "uuid", "os.environ", "getenv") if word in text
    ]


def test_every_dag_file_is_seen_by_discovery() -> None:
    for file in DAGS.glob("*.py"):
        words = file.read_text().lower()
        assert "airflow" in words, file
        assert "dag" in words, file


def test_dbt_is_no_package() -> None:
    assert not list((DAGS.parent / "dbt").rglob("__init__.py"))


def _imported(node: ast.stmt) -> list[str]:
    match node:
        case ast.Import():
            return [name.name for name in node.names]
        case ast.ImportFrom():
            return [node.module or ""]
        case _:
            return []


def _tasks(tree: ast.Module) -> list[ast.FunctionDef]:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [one for one in functions if any("task" in ast.unparse(mark) for mark in one.decorator_list)]
