"""Two Airflow DAGs for every partner of every node that is served here: one sends, one receives."""

from __future__ import annotations

from dag_factories.exchange import receive_dag, send_dag
from dag_factories.pairings import wanted_exchanges

for exchange in wanted_exchanges():
    send_dag(exchange)
    if exchange.receives:
        receive_dag(exchange)
