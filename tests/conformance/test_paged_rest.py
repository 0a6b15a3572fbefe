"""The connector `rest` keeps the promises of the protocol, whatever way its source is paged."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from unittest import SkipTest

import pytest

from connectors.rest import RestConnector
from shanhai.connect.conformance import Case, ConnectorConformance, Moving
from tests.conformance.far_side import Asked, Reply
from tests.conformance.http_cases import SECRET, HttpCases, http_context
from tests.conformance.quick_side import QuickSide
from tests.conformance.rows import Rows, ids_of

WINDOW = "2024-03-01"
SIZE = 3


class PagedCases(HttpCases, ConnectorConformance):
    """A source of eight rows in pages of three; give `paging` and `page`."""

    factory = RestConnector
    paging: ClassVar[dict[str, Any]]
    exact = True
    pages = 300

    @pytest.fixture(autouse=True)
    def rows(self) -> Iterator[None]:
        self.table = Rows()
        with QuickSide(self.answer) as self.quick_side:
            yield

    @abstractmethod
    def page(self, asked: Asked) -> dict[str, Any]:
        """The page that is asked for."""

    def headers(self, asked: Asked, content: bytes) -> dict[str, str]:
        return {}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {SECRET}":
            return Reply(status=401)
        if WINDOW not in asked.path:
            return Reply(status=404)
        content = json.dumps(self.page(asked)).encode()
        return Reply(content, media_type="application/json", headers=self.headers(asked, content))

    def case(self, endpoint: str) -> Case:
        options = {
            "path": "noise/{window}",
            "auth": {"kind": "bearer", "secret": "api"},
            "paging": self.paging,
        }
        return Case(options, http_context(endpoint), WINDOW, self.expected(), SECRET)

    def expected(self) -> dict[str, bytes]:
        """Every page, asked for in turn."""
        bodies: dict[str, bytes] = {}
        for number, query in enumerate(self.queries(), 1):
            document = self.page(Asked(f"/base/noise/{WINDOW}", query, {}, ""))
            bodies[f"page-{number:06d}.json"] = json.dumps(document).encode()
        return bodies

    @abstractmethod
    def queries(self) -> list[dict[str, str]]:
        """How each page is asked for, in turn."""

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        # How a request fails does not depend on how its page was found: the others are tried by cursor.
        return {"cut off": super().faults()["cut off"]}

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {"500": super().hiccups()["500"]}

    def growing(self) -> Moving:
        case = self.healthy()
        always = frozenset(str(number) for number in self.table.ids)
        self.table.grows = True
        return Moving(case, ids_of, always, may_refuse=not self.exact)

    def boundary(self) -> Moving:
        return Moving(self.healthy(), ids_of, frozenset(str(number) for number in self.table.ids))

    def many_pages(self, pages: int) -> Case:
        case = self.case(self.quick_side.address + "/base")
        self.table = Rows.many(pages * SIZE)
        paging = {"max_pages": pages + 1, **self.paging}
        return replace(case, options={**case.options, "paging": paging})

    def changed(self) -> Case:
        self.table.ids = range(200, 208)
        return self.healthy()

    def empty(self) -> Case:
        self.table.ids = []
        case = self.healthy()
        return Case(case.options, case.context, case.window, dict(list(case.bodies.items())[:1]), case.secret)


class TestByPage(PagedCases):
    paging: ClassVar[dict[str, Any]] = {
        "kind": "page", "records": "items", "total_records": "total", "page_size": SIZE, "key": "id",
    }  # fmt: skip
    exact = False

    def page(self, asked: Asked) -> dict[str, Any]:
        total = len(self.table.ids)
        return {"items": self.table.slice((int(asked.query["page"]) - 1) * SIZE, SIZE), "total": total}

    def queries(self) -> list[dict[str, str]]:
        return [{"page": str(number)} for number in (1, 2, 3)]


class TestByOffset(TestByPage):
    paging: ClassVar[dict[str, Any]] = {
        "kind": "offset",
        "records": "items",
        "total_records": "total",
        "limit": SIZE,
    }

    def page(self, asked: Asked) -> dict[str, Any]:
        total = len(self.table.ids)
        return {
            "items": self.table.slice(int(asked.query["offset"]), int(asked.query["limit"])),
            "total": total,
        }

    def queries(self) -> list[dict[str, str]]:
        return [{"offset": str(start), "limit": str(SIZE)} for start in (0, 3, 6)]


class TestByOffsetWithoutTotal(TestByOffset):
    paging: ClassVar[dict[str, Any]] = {"kind": "offset", "records": "items", "limit": SIZE, "key": "id"}


class TestByOffsetWhereRowsComeLast(TestByOffset):
    paging: ClassVar[dict[str, Any]] = {
        "kind": "offset", "records": "items", "total_records": "total", "limit": SIZE, "appends": True,
    }  # fmt: skip
    exact = True

    def growing(self) -> Moving:
        self.table.grows_in_front = False
        return super().growing()


class TestByCursor(PagedCases):
    paging: ClassVar[dict[str, Any]] = {"kind": "cursor", "next": "next", "param": "cursor"}

    def page(self, asked: Asked) -> dict[str, Any]:
        rows = self.table.after(int(asked.query.get("cursor", 0)), SIZE)
        more = rows and rows[-1]["id"] < self.table.ids[-1]
        return {"items": rows, "next": rows[-1]["id"] if more else None}

    def queries(self) -> list[dict[str, str]]:
        first = self.table.ids[0] if self.table.ids else 0
        return [{"cursor": str(after)} for after in (0, first + 2, first + 5)]

    faults = HttpCases.faults
    hiccups = HttpCases.hiccups


@pytest.mark.long
def test_memory_does_not_grow_with_a_hundred_thousand_pages() -> None:
    suite = TestByCursor()
    suite.pages = 100_000
    suite.table = Rows()
    with QuickSide(suite.answer) as suite.quick_side:
        suite.test_memory_does_not_grow_with_pages()


class TestByKey(PagedCases):
    paging: ClassVar[dict[str, Any]] = {"kind": "keyset", "records": "items", "key": "id", "param": "after"}

    def page(self, asked: Asked) -> dict[str, Any]:
        return {"items": self.table.after(int(asked.query.get("after", 0)), SIZE)}

    def queries(self) -> list[dict[str, str]]:
        ids = self.table.ids
        return [{"after": str(after)} for after in ((0, ids[2], ids[5]) if ids else (0,))]


class TestByNextAddress(TestByKey):
    paging: ClassVar[dict[str, Any]] = {"kind": "next_url", "next": "next"}

    def page(self, asked: Asked) -> dict[str, Any]:
        rows = self.table.after(int(asked.query.get("after", 0)), SIZE)
        more = rows and rows[-1]["id"] < self.table.ids[-1]
        return {"items": rows, "next": f"{asked.path}?after={rows[-1]['id']}" if more else None}


class TestByLinkHeader(TestByKey):
    paging: ClassVar[dict[str, Any]] = {"kind": "link"}

    def headers(self, asked: Asked, content: bytes) -> dict[str, str]:
        rows = json.loads(content)["items"]
        if not rows or rows[-1]["id"] == self.table.ids[-1]:
            return {}
        return {"Link": f'<{asked.path}?after={rows[-1]["id"]}>; rel="next"'}

    def conditional(self) -> Case:
        raise SkipTest("an answer that says unchanged may lack the header that leads on")

    def test_every_page_is_asked_for_anew(self) -> None:
        asked: list[str] = []
        case = self.healthy()
        context = replace(case.context, kept=lambda name: asked.append(name))
        assert self.collected(replace(case, context=context)) == case.bodies
        assert asked == []


class TestByTokenThatExpires(TestByKey):
    """The far side's tokens are good for two requests, whatever it said of them."""

    @pytest.fixture(autouse=True)
    def tokens(self) -> None:
        self.given = 0
        self.good_for = 2

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/token":
            if SECRET not in asked.body.decode():
                return Reply(b'{"error": "invalid_client"}', status=401)
            self.given, self.good_for = self.given + 1, 2
            document = {"access_token": f"{SECRET}-{self.given}", "token_type": "bearer", "expires_in": 3600}
            return Reply(json.dumps(document).encode())
        if asked.headers.get("authorization") != f"Bearer {SECRET}-{self.given}" or not self.good_for:
            return Reply(status=401)
        self.good_for -= 1
        if WINDOW not in asked.path:
            return Reply(status=404)
        return Reply(json.dumps(self.page(asked)).encode(), media_type="application/json")

    def case(self, endpoint: str) -> Case:
        case = super().case(endpoint)
        auth = {"kind": "client_credentials", "token": "/token", "client_id": "c", "secret": "api"}
        auth["sent_in"] = "body"
        return Case(case.options | {"auth": auth}, case.context, case.window, case.bodies, case.secret)

    def expired(self) -> Case:
        return self.healthy()

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        raise SkipTest("they would be answers to the request for a token")

    def cut_midway(self) -> Case:
        case = super().cut_midway()
        self.good_for = 9
        return case
