"""The exchange is pure: it opens nothing, asks no clock, and raises only what its table names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.exchange.failures import FAILURES

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "shanhai" / "exchange").rglob("*.py"))
OUTSIDE = {"os", "io", "pathlib", "socket", "subprocess", "multiprocessing", "sqlite3", "tempfile", "time"}
OUTSIDE |= {"shutil", "logging", "threading", "asyncio", "urllib", "http"}
EFFECTS = {"open", "print", "input", "eval", "exec"}


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for file in FILES:
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def _is_of(node: ast.AST, module: str) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module


def test_there_is_an_exchange():
    assert len(FILES) > 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_imports_nothing_that_reaches_out(file: Path):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    reaching = imports(tree) & OUTSIDE
    # `io` gives buffers in memory as well, and `os` gives random bytes.
    assert reaching <= ({"io", "os"} if file.parent.name == "parquet" else set())
    assert {ast.unparse(one) for one in ast.walk(tree) if _is_of(one, "os")} <= {"os.urandom"}
    assert not {name for name, _ in calls(tree)} & (EFFECTS | {"datetime.now", "datetime.utcnow"})


def test_raises_only_codes_of_the_table():
    unknown = []
    for file, tree in trees():
        for name, call in calls(tree):
            if name in ("Refused", "Gap") and call.args and isinstance(call.args[0], ast.Constant):
                code = str(call.args[0].value)
                if code not in FAILURES or FAILURES[code].later != (name == "Gap"):
                    unknown.append(f"{file.name}: {name}({code})")
    assert not unknown


def test_every_code_is_raised_somewhere():
    text = "".join(file.read_text(encoding="utf-8") for file in FILES if file.name != "failures.py")
    assert {code for code in FAILURES if f'"{code}"' not in text} <= RAISED_OUTSIDE


RAISED_OUTSIDE = {
    # by whoever keeps files for the exchange, and reads them in a process of its own
    "changed-between-hash-and-parse",
    "parser-abort",
    "parser-hang",
    "parser-memory",
    # by the walk that takes in what was opened
    "contract-not-met",
}


def test_the_specification_names_every_code():
    text = (ROOT / "shanhai" / "exchange" / "SPEC.md").read_text(encoding="utf-8")
    assert not {code for code in FAILURES if f"`{code}`" not in text}


def test_the_specification_names_every_operation_of_vectors():
    from vectors.runner import OPERATIONS

    text = (ROOT / "shanhai" / "exchange" / "SPEC.md").read_text(encoding="utf-8")
    assert not {name for name in OPERATIONS if f"| `{name}` |" not in text}
