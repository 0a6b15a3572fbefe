"""Drafts of contracts: what headings say, and a file with every guess marked."""
