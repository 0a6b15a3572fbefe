"""Gongshu's grids: 1,398 of them with their posts, the whole list every day."""

from __future__ import annotations

import random

from infra.simulator.deliveries import SEED, WINDOWS, Column, Dataset, Delivery, Row, Values
from infra.simulator.places import grid_codes
from infra.simulator.planting import Field

NAME = "gongshu.grids"
BRANCHES = 1293
MICRO_GROUPS = 2359

COLUMNS = (
    Column("grid_code", "gridCode"),
    Column("area_code", "community"),
    Column("grid_name", "name"),
    Column("has_branch", "partyBranch"),
    Column("micro_groups", "microGroups"),
    Column("posts_filled", "postsFilled"),
    Column("is_leader_post_filled", "leaderFilled"),
)


def dataset() -> Dataset:
    """Every day 1,398 good grids and a few strays that the contract refuses."""
    return Dataset(
        NAME, COLUMNS, tuple(Delivery(NAME, window, window, _field(window).rows()) for window in WINDOWS)
    )


def _field(window: str) -> Field:
    grids = _grids(window)
    field = Field(NAME, window, COLUMNS, grids)
    for number, values in enumerate(grids[:3]):
        nowhere = {"grid_code": f"330105999999{number:03d}", "area_code": "330105999999"}
        field.add([Row(field.changed(values, nowhere), "bad", "unknown area code", ("area_code.area_code",))])
    nameless = field.changed(grids[4], {"grid_code": "330105001051999", "grid_name": None})
    field.add([Row(nameless, "bad", "missing required", ("grid_name.required",))])
    field.repeat(4)
    return field


def _grids(window: str) -> list[Values]:
    rng = random.Random(f"{SEED}/{NAME}/{window}")
    codes = grid_codes()
    without_branch = set(random.Random(f"{SEED}/{NAME}").sample(range(len(codes)), len(codes) - BRANCHES))
    second_group = MICRO_GROUPS - len(codes)
    return [
        (
            code,
            code[:12],
            f"第{int(code[12:])}网格",
            index not in without_branch,
            2 if index < second_group else 1,
            3 if rng.random() < 0.97 else 2,
            rng.random() < 0.99,
        )
        for index, code in enumerate(codes)
    ]
