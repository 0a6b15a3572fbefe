"""Databases: tables read in one transaction, and how far they were read."""
