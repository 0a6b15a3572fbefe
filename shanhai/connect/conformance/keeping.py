"""What a connector does with what was kept: it asks whether that changed, and believes only what it asked."""

# ruff: noqa: S101  an assertion is how a test suite speaks

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from unittest import SkipTest

from shanhai.connect.conformance.case import Case, Suite
from shanhai.connect.protocol import Body, Kept


class Keeping(Suite):
    """Hooks: `conditional`, `changed`."""

    def conditional(self) -> Case:
        """A source that can say that a body has not changed, without sending it."""
        raise SkipTest("the source cannot say that a body has not changed")

    def changed(self) -> Case:
        """The same source, after its bodies changed."""
        raise SkipTest("no source whose bodies change is stated")

    def test_what_has_not_changed_is_not_sent_again(self) -> None:
        case = self.conditional()
        kept = self._kept(case)
        again = list(self._pulled(case, kept.get))
        assert [name for name, body, _ in again if body.unchanged is None] == []
        assert {name: content for name, _, content in again} == case.bodies
        assert {name: body.unchanged for name, body, _ in again} == kept
        assert all(body.request == kept[name].request for name, body, _ in again)

    def test_what_was_kept_of_another_request_is_not_used(self) -> None:
        case = self.conditional()
        other = {name: replace(kept, request="0" * 64) for name, kept in self._kept(case).items()}
        again = list(self._pulled(case, other.get))
        assert [name for name, body, _ in again if body.unchanged is not None] == []
        assert {name: content for name, _, content in again} == case.bodies

    def test_what_changed_is_sent(self) -> None:
        kept = self._kept(self.conditional())
        case = self.changed()
        again = list(self._pulled(case, kept.get))
        assert {name: content for name, _, content in again} == case.bodies
        assert [name for name, body, _ in again if body.unchanged is not None] == []

    def _kept(self, case: Case) -> dict[str, Kept]:
        return {
            name: _as_kept(body, content) for name, body, content in self._pulled(case, lambda name: None)
        }

    def _pulled(self, case: Case, kept: Callable[[str], Kept | None]) -> list[tuple[str, Body, bytes]]:
        connector = self.connector(replace(case, context=replace(case.context, kept=kept)))
        return [(body.name, body, b"".join(body.chunks)) for body in connector.pull(case.window)]


def _as_kept(body: Body, content: bytes) -> Kept:
    return Kept(
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        request=body.request,
        media_type=body.media_type,
        open=lambda: io.BytesIO(content),
        facts=dict(body.facts),
    )
