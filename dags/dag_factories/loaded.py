"""The one event that makes the marts follow: rows of some dataset changed in the lake.

Dataset runs have partition keys and decisions have none, but Airflow delivers an event with a key
only to DAGs that are scheduled on partitions, and an event without one only to the others. So every
event of this asset carries the same key, and the one consumer is scheduled on that partition.

Airflow starts one run an event there, also while others wait. So an event is withheld while a build
waits, and a build gives way to a waiting one: whatever starts later sees these loads too.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, PartitionedAssetTimetable
from airflow.sdk.exceptions import AirflowSkipException

LOADED = Asset(name="shanhai_loaded", uri="shanhai://lake/loaded")
PARTITION = "lake"
WAREHOUSE = "warehouse"


def emit(context: Any) -> None:
    """Let this task's event of `LOADED` carry the common key, whatever the key of its run is.

    Raises:
        AirflowSkipException: a build waits already; a skipped task emits nothing.
    """
    if build_waits(context):
        raise AirflowSkipException("a build is waiting and will see this load too")
    context["outlet_events"][LOADED].add_partitions(PARTITION)


def build_waits(context: Any) -> bool:
    """Whether a run of the warehouse has been created and has not started."""
    return bool(context["ti"].get_dr_count(dag_id=WAREHOUSE, states=["queued"]))


def on_loaded() -> PartitionedAssetTimetable:
    """The schedule of the DAG that follows the lake."""
    return PartitionedAssetTimetable(assets=LOADED)
