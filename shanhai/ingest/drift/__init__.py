"""Drift: what a delivery differs in, from its contract and from the deliveries before it."""
