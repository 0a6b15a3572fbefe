"""One module per protocol: how bytes are fetched from the systems of districts."""
