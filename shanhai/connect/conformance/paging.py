"""What a connector promises of many pages: each once, none twice, in memory that does not grow."""

# ruff: noqa: S101  an assertion is how a test suite speaks

from __future__ import annotations

import gc
from collections import Counter
from unittest import SkipTest

import psutil

from shanhai.connect.conformance.case import Case, Moving, Suite
from shanhai.errors import SourceError

_MOST_GROWTH_BYTES = 4 * 2**20


class Pages(Suite):
    """Hooks: `growing`, `boundary`, `many_pages`; `pages` is how many the last one is asked for."""

    pages = 5_000

    def growing(self) -> Moving:
        """A source to which records are added, before and after the place, while it is read."""
        raise SkipTest("the source gives all it has in one answer")

    def boundary(self) -> Moving:
        """A source where records that are equal in what it sorts by lie on both sides of a page's end."""
        raise SkipTest("the source has no pages")

    def many_pages(self, pages: int) -> Case:
        """A source of so many pages of a few kilobytes; its `bodies` are not looked at."""
        raise SkipTest("the source has no pages")

    def test_every_record_once_and_none_twice_while_records_arrive(self) -> None:
        self._check_moving(self.growing())

    def test_records_at_the_end_of_a_page_come_once(self) -> None:
        moving = self.boundary()
        assert not moving.may_refuse, "a source that stands still has no excuse"
        self._check_moving(moving)

    def test_memory_does_not_grow_with_pages(self) -> None:
        case = self.many_pages(self.pages)
        came, before = 0, 0
        for body in self.connector(case).pull(case.window):
            for _ in body.chunks:
                pass
            came += 1
            if came == self.pages // 10:
                before = _resident_bytes()
        grown = _resident_bytes() - before
        assert came == self.pages
        assert grown < _MOST_GROWTH_BYTES, f"{grown} bytes more after {came} pages"

    def _check_moving(self, moving: Moving) -> None:
        seen: Counter[str] = Counter()
        try:
            for body in self.connector(moving.case).pull(moving.case.window):
                seen.update(moving.keys(b"".join(body.chunks)))
        except SourceError as error:
            if not moving.may_refuse:
                raise AssertionError(f"a source that can be read exactly was refused: {error}") from error
            return
        assert [key for key, count in seen.items() if count > 1] == []
        assert moving.always <= seen.keys()


def _resident_bytes() -> int:
    """The memory that this process has, rubbish aside."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)
