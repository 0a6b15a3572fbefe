"""Airflow's metadata database as `airflow db migrate` leaves it, made once and copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_once import made_once

from infra.local.airflow import prepare
from infra.local.layout import REPOSITORY, Layout


def place_metadata(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Prepare a new home as `prepare` would, which takes ten seconds of a processor each time."""
    made = Layout(home=made_once(tmp_path_factory, "metadata", _prepared), federation=REPOSITORY)
    layout.make_folders()
    for file in (made.database, made.airflow / "version"):
        shutil.copy(file, layout.airflow)


def _prepared(home: Path) -> None:
    layout = Layout(home=home, federation=REPOSITORY)
    layout.make_folders()
    prepare(layout)
