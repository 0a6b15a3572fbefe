"""Contracts that something was staged by stay in the home, and are that contract or an error."""

from __future__ import annotations

import stat

import pytest
from one_city import COLUMNS, DATASET

from shanhai.errors import ConfigurationError
from shanhai.ingest.archive import keep_contract, kept_contract
from shanhai.ingest.recount import recount
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage

ROWS = "编号,n,at\na,1,2024-01-01\nb,-2,2024-01-02\n"


@pytest.fixture
def first(city):
    """The digest of the first contract, which is another one by now."""
    city.put("p1.csv", ROWS)
    city.walk()
    digest = city.node.federation.contract(DATASET).digest
    city.declare(columns=[*COLUMNS, {"name": "more", "logicalType": "string"}], version="1.1.0")
    return digest


def archived(city, digest):
    return city.node.home / "contracts" / f"{digest}.odcs.yml"


def test_the_contract_of_then_is_read_back(city, first):
    kept = kept_contract(city.node, DATASET, first)
    assert (kept.dataset, kept.version, kept.names) == (DATASET, "1.0.0", ("id", "n", "at"))
    assert stat.S_IMODE(archived(city, first).stat().st_mode) == 0o600


def test_a_delivery_is_counted_again_by_the_contract_of_then(city, first):
    found = recount(city.node, city.delivery("p1"))
    assert (found.comparable, found.agrees) == (True, True)


def test_an_altered_or_lost_one_is_told(city, first):
    file = archived(city, first)
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace("1.0.0", "1.0.1"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="was altered there"):
        kept_contract(city.node, DATASET, first)
    file.unlink()
    with pytest.raises(ConfigurationError, match="not in the archive"):
        kept_contract(city.node, DATASET, first)
    assert not recount(city.node, city.delivery("p1")).comparable


def test_an_altered_one_is_written_again_while_its_contract_is_in_force(city):
    city.put("p1.csv", ROWS)
    (delivery,) = pull(city.node, DATASET)
    stage(city.node, delivery)
    contract = city.node.federation.contract(DATASET)
    archived(city, contract.digest).write_text("no contract")
    keep_contract(city.node, contract)
    assert kept_contract(city.node, DATASET, contract.digest).version == contract.version


def test_a_contract_with_a_byte_order_mark_is_kept_by_its_digest(city):
    file = city.root / "districts" / "acity" / "events.odcs.yml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    contract = city.node.federation.contract(DATASET)
    keep_contract(city.node, contract)
    assert kept_contract(city.node, DATASET, contract.digest).digest == contract.digest
