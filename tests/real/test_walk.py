"""The real data through pull, stage, check and load: every count equals that of the plain readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shanhai.ids import DatasetId
from shanhai.ingest.ledger import LedgerRow, ledger
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.records import Staging, last_record
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.walk import check_step, load_step, pull_step, stage_step, walk
from shanhai.settings import read_settings
from shanhai.warehouse.build import build
from shanhai.warehouse.project import SCHEMA
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    from .conftest import Balance

pytestmark = pytest.mark.real

Marts = Callable[[str], list[tuple[Any, ...]]]

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "cities"
BOSTON = DatasetId("boston", "open311_requests")


@pytest.fixture(scope="module")
def node(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node on the example federation whose districts all lie in the real data folder."""
    home = tmp_path_factory.mktemp("node")
    found = open_node(read_settings(home=home, federation=EXAMPLE, dbt_project=REPOSITORY / "dbt"))
    endpoints = {f"{district}.data": str(real_data) for district in found.federation.districts}
    (home / "endpoints.yml").write_text(yaml.safe_dump(endpoints), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def staged(node: Node) -> dict[tuple[str, str], Staging]:
    """By (dataset, partition), after the stage of everything that was pulled."""
    found = {}
    for dataset in node.federation.datasets:
        pull_step(node, dataset, None)
        stage_step(node, dataset)
        for sidecar in sidecars(node, dataset):
            staging = last_record(node, sidecar.id, Staging)
            assert staging is not None
            found[str(dataset), sidecar.id.partition] = staging
    return found


@pytest.fixture(scope="module")
def loaded(node: Node, staged: dict[tuple[str, str], Staging]) -> list[LedgerRow]:
    """The ledger after the load of everything that was staged."""
    for dataset in node.federation.datasets:
        check_step(node, dataset)
        load_step(node, dataset)
    return ledger(node)


@pytest.fixture(scope="module")
def marts(node: Node, loaded: list[LedgerRow]) -> Marts:
    """Asks the marts of a build on what was loaded."""
    assert loaded
    result = build(node.settings, node.federation, reconcile=lambda: reconcile(node))

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with duckdb_session(node.settings, result.database, read_only=True) as con:
            con.execute(f"USE {SCHEMA}")
            return con.execute(sql).fetchall()

    return ask


def test_rows_in_equal_an_independent_count(
    staged: dict[tuple[str, str], Staging], balances: dict[tuple[str, str], Balance]
) -> None:
    assert {key: staging.rows_in for key, staging in staged.items()} == {
        key: balance.rows_in for key, balance in balances.items()
    }


def test_every_row_goes_where_the_plain_readers_say(
    staged: dict[tuple[str, str], Staging], balances: dict[tuple[str, str], Balance]
) -> None:
    for key, balance in balances.items():
        staging = staged[key]
        assert (staging.good, staging.quarantined, staging.duplicates, staging.superseded) == (
            balance.loaded,
            balance.quarantined,
            balance.duplicates,
            balance.superseded,
        ), key


def test_nothing_is_unreadable_missing_or_unknown(staged: dict[tuple[str, str], Staging]) -> None:
    for key, staging in staged.items():
        assert (staging.unreadable, staging.missing, staging.unknown, staging.malformed) == (
            None,
            (),
            (),
            {},
        ), key


def test_the_ledger_accepts_every_delivery_and_balances(
    loaded: list[LedgerRow], balances: dict[tuple[str, str], Balance]
) -> None:
    assert {row.verdict for row in loaded} == {"accepted"}
    assert all(row.counts.balanced for row in loaded)
    assert {(str(row.delivery.dataset), row.delivery.partition): row.counts.loaded for row in loaded} == {
        key: balance.loaded for key, balance in balances.items()
    }


def test_boston_is_one_delivery_with_its_overlaps_in_the_ledger(
    loaded: list[LedgerRow], balances: dict[tuple[str, str], Balance]
) -> None:
    (row,) = (row for row in loaded if row.delivery.dataset == BOSTON)
    expected = balances[str(BOSTON), "all"]
    assert row.counts.duplicates == expected.duplicates
    assert row.counts.superseded == expected.superseded
    assert row.counts.quarantined == expected.quarantined


def test_walking_again_loads_nothing(node: Node, loaded: list[LedgerRow]) -> None:
    for dataset in node.federation.datasets:
        again = walk(node, dataset)
        assert again["new"] == []
        assert again["loaded"] == 0
    assert ledger(node) == loaded


@pytest.mark.parametrize(
    ("edition", "county", "streets", "communities", "similar"),
    [
        ("2020-06-30", "330105", 10, 99, 0),
        ("2020-06-30", "330103", 8, 75, 0),
        ("2022-10-31", "330105", 18, 174, 0),
        ("2023-06-30", "330105", 18, 174, 4),
        ("2023-06-30", "510811", 12, 152, 0),
    ],
)
def test_dim_area_counts_the_divisions_of_a_county(
    marts: Marts, edition: str, county: str, streets: int, communities: int, similar: int
) -> None:
    found = marts(
        "SELECT area_level || '/' || area_kind, count(*) FROM dim_area "
        f"WHERE edition = '{edition}' AND district_code = '{county}' GROUP BY ALL"
    )
    expected = {"street/regular": streets, "community/regular": communities, "district/regular": 1}
    assert dict(found) == expected | ({"community/similar_community": similar} if similar else {})


def test_dim_area_maps_xiacheng_of_2020_onto_gongshu(marts: Marts) -> None:
    found = marts(
        "SELECT DISTINCT current_district_code FROM dim_area "
        "WHERE edition = '2020-06-30' AND district_code IN ('330103', '330105')"
    )
    assert found == [("330105",)]


def test_fct_event_has_every_loaded_request_once(marts: Marts, loaded: list[LedgerRow]) -> None:
    cities = Counter({row.delivery.dataset.district: 0 for row in loaded})
    for row in loaded:
        cities[row.delivery.dataset.district] += row.counts.loaded
    del cities["statistics"]
    assert dict(marts("SELECT district, count(DISTINCT event_key) FROM fct_event GROUP BY ALL")) == cities
    assert marts("SELECT count(*) FROM fct_event WHERE channel IS NULL OR track IS NULL") == [(0,)]


def test_the_pool_reconciles_with_the_ledger_to_the_row(marts: Marts) -> None:
    assert marts("SELECT count(*), sum(abs(difference)) FROM mart_pool_size") == [(9, 0)]
