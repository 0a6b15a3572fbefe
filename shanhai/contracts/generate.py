"""Everything that follows from the contracts: written by `shanhai generate`, compared by `make check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts import render_dags, render_dbt, render_schema, render_suite
from shanhai.contracts.federation import Federation

Renderer = Callable[[Federation], Mapping[Path, str]]

RENDERERS: tuple[Renderer, ...] = (
    render_schema.render,
    render_suite.render,
    render_dbt.render,
    render_dags.render,
)

_OWNED = (
    "districts/*/schema/*.json",
    "expectations/*/*.json",
    "dbt/models/staging/**/*",
    "dbt/models/intermediate/**/*",
    "dags/datasets.json",
)
"""Where generated files live: anything there that no contract accounts for is left over."""


@dataclass(frozen=True)
class Drift:
    """Generated files that differ from what the contracts say; paths within the federation."""

    missing: tuple[Path, ...]
    changed: tuple[Path, ...]
    left_over: tuple[Path, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed or self.left_over)


def rendered(federation: Federation) -> dict[Path, str]:
    """Every generated file's path within the federation, and its text.

    Raises:
        ContractError: a contract is wrong.
    """
    files: dict[Path, str] = {}
    for render in RENDERERS:
        files.update(render(federation))
    return files


def drift(federation: Federation) -> Drift:
    """Compare what is there with what the contracts say; changes nothing."""
    wanted = rendered(federation)
    present = _present(federation.root)
    return Drift(
        missing=tuple(sorted(path for path in wanted if path not in present)),
        changed=tuple(
            sorted(
                path
                for path, text in wanted.items()
                if path in present and (federation.root / path).read_text(encoding="utf-8") != text
            )
        ),
        left_over=tuple(sorted(present - wanted.keys())),
    )


def generate(federation: Federation, write: Callable[[Path, str], None]) -> Drift:
    """Write what differs and remove what is left over; returns what was done.

    Args:
        write: gives a file its text, whole or not at all.
    """
    found = drift(federation)
    wanted = rendered(federation)
    for path in (*found.missing, *found.changed):
        target = federation.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, wanted[path])
    for path in found.left_over:
        (federation.root / path).unlink()
    return found


def _present(root: Path) -> set[Path]:
    return {file.relative_to(root) for pattern in _OWNED for file in root.glob(pattern) if file.is_file()}
