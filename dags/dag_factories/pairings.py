"""The pairings of the nodes that are served here, and the event by which something may leave one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow.sdk import Asset, get_parsing_context

from shanhai.settings import load_settings

if TYPE_CHECKING:
    from shanhai.courier.served import Exchange

PREFIX = "exchange__"
PARTITION = "due"


def wanted_exchanges() -> Iterator[Exchange]:
    """Every node with each of its partners; while a task of another DAG runs, none, and nothing is read."""
    from shanhai.courier.served import exchanges

    wanted = get_parsing_context().dag_id
    if wanted is not None and not wanted.startswith(PREFIX):
        return
    for exchange in exchanges(load_settings()):
        if wanted is None or wanted.startswith(prefix(exchange)):
            yield exchange


def prefix(exchange: Exchange) -> str:
    """What the names of both DAGs of a pairing begin with."""
    return f"{PREFIX}{exchange.node.name}__{exchange.partner}__"


def nodes_with_partners(*, own: bool = False) -> list[str]:
    """The nodes from which something may leave; `own`: that of this Airflow's home alone.

    Where the nodes cannot be read there are none, so that marts follow the lake whatever is wrong with the
    exchange; the file with the DAGs of the pairings says what it is.
    """
    from shanhai.courier.served import exchanges
    from shanhai.errors import ShanhaiError

    try:
        found = exchanges(load_settings(), own=own)
    except ShanhaiError:
        return []
    return list(dict.fromkeys(one.node.name for one in found))


def due_of(node: str) -> Asset:
    """The event of one node: something may leave it. Like `LOADED` it always carries the same partition."""
    return Asset(name=f"shanhai_due_{node}", uri=f"shanhai://exchange/{node}/due")
