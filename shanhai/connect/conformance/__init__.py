"""The suite that every connector passes; a test module subclasses it and states a source.

It runs under pytest, which the package does not need otherwise. A connector is done when it passes. A hook
that a subclass leaves out skips its tests and says why; `docs/guide/write-a-connector.md` explains each.
"""

from shanhai.connect.conformance.basics import Basics
from shanhai.connect.conformance.case import Case, Moving, collect, refusal
from shanhai.connect.conformance.keeping import Keeping
from shanhai.connect.conformance.paging import Pages
from shanhai.connect.conformance.secrets import Secrets

__all__ = ["Case", "ConnectorConformance", "Moving", "collect", "refusal"]


class ConnectorConformance(Basics, Pages, Keeping, Secrets):
    """Subclass it as `Test…`, set `factory`, and give the cases.

    `healthy` must be given; a hook that does not apply is left out, or overridden to raise
    `unittest.SkipTest` with the reason.
    """
