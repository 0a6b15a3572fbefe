"""An embedded Airflow without containers: everything under the node's home, on loopback only."""
