"""A publication of one mart over a city's table, without dbt: the product's `publish` over a small build."""

from __future__ import annotations

import secrets

import duckdb
from one_city import DATASET, City

from shanhai.warehouse.build import BuildResult
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.last_build import keep_build
from shanhai.warehouse.project import SCHEMA
from shanhai.warehouse.publications import Publication
from shanhai.warehouse.publish import publish
from shanhai.warehouse.runner import NodeResult
from shanhai.warehouse.sources import LAKE_SCHEMA, pin


def build_small(city: City) -> BuildResult:
    """What a build would leave: the table's rows as the mart `every_row`, in a scratch file."""
    node, identity = city.node, secrets.token_hex(8)
    database = node.home / "scratch" / f"{identity}.duckdb"
    relation = LakeTable.open(node.table(DATASET)).relation()
    with duckdb.connect(database.as_posix()) as con:
        con.execute(f"CREATE SCHEMA {SCHEMA}; CREATE SCHEMA {LAKE_SCHEMA}")
        con.execute(f"CREATE TABLE {SCHEMA}.every_row AS SELECT id, n FROM {relation}")
        con.execute(f"CREATE TABLE {LAKE_SCHEMA}.build AS SELECT '{identity}' AS identity")
    mart = NodeResult("every_row", "model", "success", 0.0, 0, "", public=True)
    result = BuildResult(identity, pin(node.settings, node.federation), (mart,), database, 0.0)
    keep_build(node.settings, result)
    return result


def publish_small(city: City) -> Publication:
    """Build and publish the table as it is now."""
    made = publish(city.node.settings, build_small(city), city.clock)
    assert made is not None
    return made
