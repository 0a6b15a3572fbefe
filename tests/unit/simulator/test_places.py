"""The register extract has the figures that are known of the districts."""

import pytest

from infra.simulator.places import GONGSHU, LONGYOU, ZHAOHUA, areas, below, grid_codes


@pytest.mark.parametrize(
    ("edition", "district", "streets", "communities"),
    [
        ("2020-06-30", "330105", 10, 99),
        ("2020-06-30", "330103", 8, 75),
        ("2022-10-31", "330105", 18, 174),
        ("2022-10-31", "330103", 0, 0),
        ("2023-06-30", "330105", 18, 178),
        ("2023-06-30", "510811", 12, 152),
    ],
)
def test_counts_by_edition(edition: str, district: str, streets: int, communities: int) -> None:
    found = [area for area in areas(edition) if area.code.startswith(district)]
    assert sum(area.level == "street" for area in found) == streets
    assert sum(area.level == "community" for area in found) == communities


@pytest.mark.parametrize("edition", ["2020-06-30", "2022-10-31", "2023-06-30"])
def test_every_area_has_its_parent_in_the_same_edition(edition: str) -> None:
    codes = {area.code for area in areas(edition)}
    assert all(area.parent in codes for area in areas(edition) if area.level != "province")


def test_pseudo_communities_are_left_out() -> None:
    assert len(below(GONGSHU, "community")) == 174
    assert len(below(ZHAOHUA, "community")) == 152
    assert len(below(LONGYOU, "community")) >= 211


def test_1398_grids_of_real_communities() -> None:
    codes = grid_codes()
    assert len(codes) == len(set(codes)) == 1398
    assert {code[:12] for code in codes} == {area.code for area in below(GONGSHU, "community")}
