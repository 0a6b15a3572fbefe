"""Sling: the command-line program."""
