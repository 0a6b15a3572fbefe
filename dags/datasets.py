"""An Airflow DAG for every dataset of the federation, from the generated knobs alone."""

from __future__ import annotations

from dag_factories.dataset import dataset_dag
from dag_factories.knobs import wanted_knobs

for knobs in wanted_knobs():
    dataset_dag(knobs)
