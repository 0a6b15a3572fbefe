"""The dbt project of one federation, put together in the home's scratch folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shanhai.contracts.federation import Federation
from shanhai.contracts.render_dbt import INTERMEDIATE, STAGING
from shanhai.errors import ConfigurationError
from shanhai.settings import Settings
from shanhai.warehouse.session import duckdb_config

PROFILE = "shanhai"
SCHEMA = "_build"
"""The schema that dbt builds in; districts' names begin with a letter, so none can be called the same."""


@dataclass(frozen=True)
class Project:
    """Folders of one assembled project, and the scratch database that its profile names."""

    folder: Path
    profiles: Path
    target: Path
    logs: Path
    database: Path


def assemble(settings: Settings, federation: Federation) -> Project:
    """Link the federation's generated models and the product's own into one project.

    The folder keeps its place and dbt its parsed state there, so the next build parses what changed.

    Raises:
        ConfigurationError: the dbt project is not where the settings say, or nothing was generated.
    """
    own, scratch = settings.dbt_project, settings.home / "scratch" / "dbt"
    if not (own / "dbt_project.yml").is_file():
        raise ConfigurationError(
            "no dbt project",
            given=own,
            allowed="a folder with dbt_project.yml",
            hint="set SHANHAI_DBT_PROJECT",
        )
    for generated in (STAGING, INTERMEDIATE):
        if not (federation.root / generated).is_dir():
            raise ConfigurationError(
                "the federation has no generated models",
                given=federation.root / generated,
                hint="run `shanhai generate`",
            )
    project = Project(
        folder=scratch / "project",
        profiles=scratch,
        target=scratch / "target",
        logs=settings.home / "logs" / "dbt",
        database=settings.home / "scratch" / "build.duckdb",
    )
    _link(project.folder, _parts(own, federation.root))
    (scratch / "profiles.yml").write_text(yaml.safe_dump(_profile(settings, project)), encoding="utf-8")
    return project


def _parts(own: Path, root: Path) -> dict[Path, Path]:
    """Every file of the project by its place in it: the product's own first, then what was generated."""
    generated = (STAGING.name, INTERMEDIATE.name)
    parts = {
        file.relative_to(own): file
        for file in sorted(own.rglob("*"))
        if file.is_file() and file.relative_to(own).parts[:2] not in {("models", name) for name in generated}
    }
    for folder in (STAGING, INTERMEDIATE):
        files = sorted(file for file in (root / folder).rglob("*") if file.is_file())
        parts |= {Path("models") / folder.name / file.relative_to(root / folder): file for file in files}
    return parts


def _link(folder: Path, parts: dict[Path, Path]) -> None:
    """Folders of our own with links to files: dbt does not walk into a linked folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, target in parts.items():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target.resolve())


def _profile(settings: Settings, project: Project) -> dict[str, Any]:
    output = {
        "type": "duckdb",
        "path": project.database.as_posix(),
        "schema": SCHEMA,
        "threads": settings.threads,
        # Marts are digested and published without regard to order; not keeping it saves memory.
        "config_options": duckdb_config(settings) | {"preserve_insertion_order": False},
        "settings": {"TimeZone": "UTC"},
    }
    return {PROFILE: {"target": "home", "outputs": {"home": output}}}
