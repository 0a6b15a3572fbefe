"""Regular expressions that every Python which may run this matches alike."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPEATED_POSSESSIVELY = re.compile(r"\(\?.*(?<!\\)\)(?:[*+?]|\{[0-9,]*\})\+")


def texts(tree: ast.Module) -> str:
    """All literals of a module, one a line, bytes read as Latin-1."""
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    plain = (one.decode("latin-1") if isinstance(one, bytes) else one for one in found)
    return "\n".join(one for one in plain if isinstance(one, str))


def test_no_group_is_repeated_possessively():
    """Python 3.11.0 to 3.11.4, which Debian 12 has, matches less or more then; `(?>(?:…)*)` is right."""
    files = [
        file for part in ("shanhai", "connectors", "dags", "infra") for file in (ROOT / part).rglob("*.py")
    ]
    found = [
        file for file in files if REPEATED_POSSESSIVELY.search(texts(ast.parse(file.read_text("utf-8"))))
    ]
    assert len(files) > 500
    assert not found


def test_the_search_finds_one():
    assert REPEATED_POSSESSIVELY.search(r"(?:[^\"]++|x)*+")
    assert not REPEATED_POSSESSIVELY.search(r"(?>(?:[^\"]++|x)*)[a-z]*+\)+")
