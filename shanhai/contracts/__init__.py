"""Contracts: Open Data Contract Standard v3.1.0 files, one per dataset, and what is generated from them."""
