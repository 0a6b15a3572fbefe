"""A contract's own queries decide about a delivery, and what they found is kept."""

from __future__ import annotations

import pytest
from one_city import COLUMNS, HEADER

from shanhai.errors import ContractError
from shanhai.ingest.records import read_validation

ROWS = HEADER + "a,1,2024-03-01T00:00:00Z\nb,200,2024-03-01T01:00:00Z\nc,-5,2024-03-01T02:00:00Z\n"


def declare(city, sql="SELECT count(*) FROM {object} WHERE {property} > 100", **stated):
    entry = {"type": "sql", "name": "few_large", "query": sql, "description": "large ones are rare"}
    id_, n, at = COLUMNS
    city.declare(columns=[id_, {**n, "quality": [{**entry, **(stated or {"mustBe": 0})}]}, at])


@pytest.mark.parametrize(("severity", "verdict"), [("warning", "held"), ("error", "refused")])
def test_a_failed_query_stops_the_delivery_and_says_why(city, severity, verdict):
    declare(city, mustBe=0, severity=severity)
    city.put("d1.csv", ROWS)
    city.walk()

    (row,) = city.ledger().values()
    assert row.verdict == verdict
    assert "quality few_large: 1, must be 0 (large ones are rare)" in row.reason


def test_what_a_query_found_is_kept_with_its_sql(city):
    declare(city, mustBeLessThan=5, dimension="uniqueness")
    city.put("d1.csv", ROWS)
    city.walk()

    (row,) = city.ledger().values()
    assert row.verdict == "accepted"
    validation = read_validation(city.node, row.delivery)
    assert validation is not None
    assert [record.model_dump() for record in validation.queries] == [
        {
            "name": "few_large",
            "dimension": "accuracy",
            "severity": "warning",
            "sql": 'SELECT count(*) FROM "delivery" WHERE "n" > 100',
            "given": "1",
            "allowed": "< 5",
            "success": True,
            "description": "large ones are rare",
        }
    ]


def test_a_query_that_reads_a_file_stops_the_walk_before_it_is_asked(city):
    declare(city, f"SELECT count(*) FROM read_text('{city.root}/data/d1.csv')")
    city.put("d1.csv", ROWS)
    with pytest.raises(ContractError, match="quality few_large: reads from a function") as caught:
        city.walk()
    assert caught.value.given == "read_text"
    assert city.ledger() == {}
