"""How the DAGs are wired; nothing here runs a step at parse time."""
