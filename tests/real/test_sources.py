"""What the source files hold, by plain readers: the figures that the walk has to arrive at."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Balance

pytestmark = pytest.mark.real

AREAS = {
    "statistics.cn_provinces": {"2020-06-30": 31, "2022-10-31": 31, "2023-06-30": 31},
    "statistics.cn_cities": {"2020-06-30": 342, "2022-10-31": 342, "2023-06-30": 342},
    "statistics.cn_counties": {"2020-06-30": 2_994, "2022-10-31": 2_984, "2023-06-30": 2_978},
    "statistics.cn_streets": {"2020-06-30": 41_614, "2022-10-31": 41_351, "2023-06-30": 41_352},
    "statistics.cn_villages": {"2020-06-30": 633_981, "2022-10-31": 619_503, "2023-06-30": 620_573},
}


@pytest.fixture(scope="session")
def divisions(real_data: Path, read_csv: Any) -> dict[tuple[str, str], tuple[int, int, int]]:
    """By (edition, county): streets, communities, and how many of those are only treated as one."""
    found = {}
    for edition in ("2020-06-30", "2022-10-31", "2023-06-30"):
        folder = real_data / "cn_admin_divisions" / edition
        streets = Counter(row["areaCode"] for row in read_csv(folder / "streets.csv"))
        communities: Counter[str] = Counter()
        similar: Counter[str] = Counter()
        for row in read_csv(folder / "villages.csv.gz"):
            communities[row["areaCode"]] += 1
            similar[row["areaCode"]] += row["code"][9] == "4"
        for county in ("330103", "330105", "330825", "510811"):
            found[edition, county] = (streets[county], communities[county], similar[county])
    return found


def test_the_editions_have_the_stated_sizes(balances: dict[tuple[str, str], Balance]) -> None:
    for dataset, sizes in AREAS.items():
        assert {edition: balances[dataset, edition].rows_in for edition in sizes} == sizes


def test_the_readme_of_the_example_says_what_is_counted(
    balances: dict[tuple[str, str], Balance], federation_folder: Path
) -> None:
    text = (federation_folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.\w+)`[^|]*" + r"\| ([\d,]+) " * 5 + r"\|$", text, re.MULTILINE)
    told = {dataset: tuple(int(count.replace(",", "")) for count in counts) for dataset, *counts in rows}
    expected: dict[str, tuple[int, ...]] = {}
    for (dataset, _), one in balances.items():
        counts = (one.rows_in, one.loaded, one.quarantined, one.duplicates, one.superseded)
        before = expected.get(dataset, (0,) * len(counts))
        expected[dataset] = tuple(map(sum, zip(before, counts, strict=True)))
    assert told == expected


def test_history_and_cities_have_the_stated_sizes(balances: dict[tuple[str, str], Balance]) -> None:
    sizes: Counter[str] = Counter()
    for (dataset, _), balance in balances.items():
        sizes[dataset] += balance.rows_in
    assert sizes["statistics.cn_area_history"] == 6_823
    assert sizes["stlouis.csb_requests"] == 4_470
    assert sizes["milwaukee.police_calls"] == 33_968
    assert sizes["boston.open311_requests"] == 141_044
    assert sizes["chicago.sanitation_requests"] == 74_401
    assert sizes["cnemc.air_daily"] == 351_014
    assert sizes["cnemc.air_stations"] == 2 * 1_495
    assert sizes["dublin.noise"] == 255_775
    assert sizes["alicante.water_meters"] == 674_019


@pytest.mark.parametrize(
    ("edition", "county", "expected"),
    [
        ("2020-06-30", "330105", (10, 99, 0)),
        ("2020-06-30", "330103", (8, 75, 0)),
        ("2022-10-31", "330105", (18, 174, 0)),
        ("2022-10-31", "330103", (0, 0, 0)),
        ("2023-06-30", "330105", (18, 178, 4)),
        ("2023-06-30", "510811", (12, 152, 0)),
    ],
)
def test_the_paired_counties_have_the_stated_divisions(
    divisions: dict[tuple[str, str], tuple[int, int, int]],
    edition: str,
    county: str,
    expected: tuple[int, int, int],
) -> None:
    assert divisions[edition, county] == expected


def test_xiacheng_became_gongshu(real_data: Path, read_csv: Any) -> None:
    history = read_csv(real_data / "cn_area_history" / "result.csv")
    lives = [row for row in history if row["代码"] == "330103"]
    facts = [(row["状态"], row["变更/弃用时间"], row["新代码"]) for row in lives]
    assert facts == [("弃用", "2021", "330105")]


def test_the_pages_of_boston_overlap(balances: dict[tuple[str, str], Balance]) -> None:
    balance = balances["boston.open311_requests", "all"]
    assert balance.quarantined == 24
    assert balance.duplicates == 9_675
    assert balance.superseded == 0
    assert balance.loaded == 131_345


def test_st_louis_repeats_requests_once_a_caller(balances: dict[tuple[str, str], Balance]) -> None:
    years = [balance for (dataset, _), balance in balances.items() if dataset == "stlouis.csb_requests"]
    assert sum(year.quarantined for year in years) == 1
    assert sum(year.duplicates for year in years) == 131
    assert sum(year.superseded for year in years) == 54


def test_chicago_repeats_requests_and_says_which_repeat_another(
    balances: dict[tuple[str, str], Balance], chicago: Any
) -> None:
    balance = balances["chicago.sanitation_requests", "all"]
    assert (balance.quarantined, balance.duplicates, balance.superseded) == (0, 3, 372)
    assert Counter(row["Status"] for row in chicago) == {
        "Completed": 70_567,
        "Completed - Dup": 3_509,
        "Open": 201,
        "Open - Dup": 124,
    }


def test_meters_of_alicante_run_backwards_and_repeat_an_hour(
    balances: dict[tuple[str, str], Balance], water: Any
) -> None:
    balance = balances["alicante.water_meters", "all"]
    assert (balance.quarantined, balance.duplicates, balance.superseded) == (0, 57, 21)
    assert sum(diff < 0 for _, _, _, diff in water) == 203
    assert len({meter for meter, *_ in water}) == 92
    stamps = Counter((meter, stamp) for meter, stamp, reading, diff in set(water))
    assert {stamp[:13] for (_, stamp), count in stamps.items() if count > 1} == {"30/10/2016 02"}


def test_monitors_of_dublin_lack_hours(noise: dict[str, list[tuple[str, float]]]) -> None:
    assert {monitor: len(hours) for monitor, hours in noise.items()} == {
        "Ballymun4": 51_538,
        "BullIsland2": 50_838,
        "DolphinsBarn13": 51_248,
        "NavanRoad8": 50_813,
        "Raheny9": 51_338,
    }
    spring = ("2016-03-27", "2018-03-25", "2019-03-31", "2020-03-29")
    gone = {stamp for hours in noise.values() for stamp, _ in hours if stamp[:10] in spring}
    assert not any(stamp[11:13] == "01" for stamp in gone)


def test_days_of_air_without_an_index_have_nothing_else(air_daily: list[list[str]]) -> None:
    silent = [row for row in air_daily if row[2] == "0"]
    assert len(silent) == 332
    assert {(row[3], row[4], *row[5:11]) for row in silent} == {("0~0", "", *["0"] * 6)}
    assert len({row[0] for row in air_daily}) == 366
