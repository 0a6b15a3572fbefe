"""How bytes come in: the connector protocol, polite HTTP, paging. Connectors live in `connectors/`."""
