"""What the three districts hold: enough rows, three windows, stated faults, the same at every start."""

from collections import Counter

import pytest

from infra.simulator import catalogue
from infra.simulator.deliveries import WINDOWS, Row
from infra.simulator.statement import statement
from infra.simulator.systems import file_bytes, file_of


@pytest.fixture(scope="module")
def truth() -> list[dict]:
    return [line.as_dict() for line in catalogue.truth()]


def test_every_row_is_accounted_for(truth: list[dict]) -> None:
    parts = ("loaded", "quarantined", "duplicates", "superseded", "withheld")
    for line in truth:
        assert line["rows_in"] == sum(line[part] for part in parts), line["name"]
        assert min(line[part] for part in parts) >= 0


def test_at_least_200_000_rows(truth: list[dict]) -> None:
    assert sum(line["rows_in"] for line in truth) >= 200_000


def test_three_windows_of_eleven_datasets_and_one_second_edition(truth: list[dict]) -> None:
    assert len(catalogue.NAMES) == 11
    assert Counter(line["partition"] for line in truth) == Counter(
        {WINDOWS[0]: 12, WINDOWS[1]: 11, WINDOWS[2]: 11}
    )


def test_exactly_one_is_held_and_one_refused(truth: list[dict]) -> None:
    verdicts = {(line["dataset"], line["name"]): line["verdict"] for line in truth}
    assert [key for key, verdict in verdicts.items() if verdict == "held"] == [
        ("longyou.hazards", "2024-03-02")
    ]
    assert [key for key, verdict in verdicts.items() if verdict == "refused"] == [
        ("zhaohua.buildings", "2024-03-02")
    ]


def test_at_least_twelve_kinds_of_fault_are_caught(truth: list[dict]) -> None:
    caught = {
        row.fault
        for name in catalogue.NAMES
        for delivery in catalogue.dataset(name).deliveries
        for row in delivery.rows
        if row.fate != "good"
    }
    assert len(caught) >= 12, caught


def test_a_late_correction_is_booked_on_the_first_day(truth: list[dict]) -> None:
    first = next(line for line in truth if line["dataset"] == "gongshu.events" and line["order"] == 1)
    assert first["superseded"] == 18 + 40


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_generating_again_gives_the_same_rows(name: str) -> None:
    assert catalogue.generate(name) == catalogue.dataset(name)


@pytest.mark.parametrize("name", ["longyou.hazards", "zhaohua.villages"])
def test_encoding_again_gives_the_same_bytes(name: str) -> None:
    delivery = catalogue.dataset(name).deliveries[0].name
    first = file_bytes(name, delivery)
    file_bytes.cache_clear()
    assert file_bytes(name, delivery) == first


def test_deliveries_of_one_dataset_have_different_bytes() -> None:
    lines = [line for line in statement()["deliveries"] if line["sha256"]]
    assert len({line["sha256"] for line in lines}) == len(lines)


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_rows_are_as_wide_as_their_columns(name: str) -> None:
    dataset = catalogue.dataset(name)
    for delivery in dataset.deliveries:
        assert {len(row.values) for row in delivery.rows} == {len(dataset.columns)}


@pytest.mark.parametrize("name", [name for name in catalogue.NAMES if name != "gongshu.link_heartbeats"])
def test_duplicates_repeat_a_good_row(name: str) -> None:
    seen: set[tuple] = set()
    for delivery in catalogue.dataset(name).deliveries:
        good = {row.values for row in delivery.rows if row.fate == "good"}
        repeated = [row for row in delivery.rows if row.fate == "duplicate"]
        assert all(row.values in good or row.values in seen for row in repeated)
        assert len(good) == sum(row.fate == "good" for row in delivery.rows)
        seen |= good


def test_only_the_rest_apis_have_no_file() -> None:
    without = [name for name in catalogue.NAMES if file_of(name, WINDOWS[0]) is None]
    assert {name.split(".")[0] for name in without} == {"gongshu"}


def test_the_catalogue_has_66_entries_with_23_faults_for_the_audit() -> None:
    delivery = catalogue.dataset("gongshu.resource_catalogue").deliveries[0]
    entries = [row for row in delivery.rows if row.fate == "good"]
    assert len(entries) == 66
    assert delivery.notes == {"audit_faults": 23}
    assert _audit(entries) == 23


def _audit(entries: list[Row]) -> int:
    names = Counter(row.values[1] for row in entries)
    return sum(
        (row.values[4] is None)
        + (row.values[5] == "conditional" and row.values[6] is None)
        + (names[row.values[1]] > 1)
        + (str(row.values[9]) < "2024-01-01")
        for row in entries
    )


def test_still_meters_stand_still_and_the_silent_one_is_silent() -> None:
    readings: dict[str, set] = {}
    last: Counter[str] = Counter()
    dataset = catalogue.dataset("longyou.water_meters")
    for delivery in dataset.deliveries:
        for row in delivery.rows:
            if row.fate == "good" and not row.fault:
                readings.setdefault(str(row.values[0]), set()).add(row.values[4])
                last[str(row.values[0])] += delivery.partition == WINDOWS[2]
    assert [meter for meter, values in readings.items() if len(values) == 1] == ["LY20230017", "LY20230088"]
    assert [meter for meter in readings if last[meter] == 0] == ["LY20230140"]


def test_grids_add_up_to_what_is_reported_of_the_district() -> None:
    rows = [row.values for row in catalogue.dataset("gongshu.grids").deliveries[0].rows if row.fate == "good"]
    assert len(rows) == 1398
    assert sum(bool(values[3]) for values in rows) == 1293
    assert sum(int(str(values[4])) for values in rows) == 2359
