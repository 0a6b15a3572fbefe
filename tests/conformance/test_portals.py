"""The connectors to portals keep the promises of the protocol, against portals that fail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from unittest import SkipTest

import pytest

from connectors.ckan import CkanConnector
from connectors.open311 import Open311Connector
from connectors.socrata import SocrataConnector
from shanhai.connect.conformance import Case, ConnectorConformance, Moving
from tests.conformance.far_side import Asked, Reply
from tests.conformance.http_cases import SECRET, HttpCases, http_context
from tests.conformance.portals import CkanPortal, Open311City, SocrataPortal
from tests.conformance.quick_side import QuickSide
from tests.conformance.rows import Rows

WINDOW = "2024-03-01"


def expected(answers: Iterable[Reply], suffix: str = ".json") -> dict[str, bytes]:
    return {f"page-{number:06d}{suffix}": reply.body for number, reply in enumerate(answers, 1)}


def asked(path: str, **query: object) -> Asked:
    return Asked(path, {name.replace("_S_", "$"): str(value) for name, value in query.items()}, {}, "")


class PortalCases(HttpCases):
    """How a request fails does not depend on who asks: `files` and `rest` try all faults."""

    pages = 300

    @pytest.fixture(autouse=True)
    def quick(self) -> Iterator[None]:
        with QuickSide(self.answer) as self.quick_side:
            yield

    def quickly(self, pages: int) -> Case:
        """The source with so many pages of three."""
        case = self.case(self.quick_side.address + "/base")
        return replace(case, options={**case.options, "page_size": 3, "max_pages": pages + 1})

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        return {name: make for name, make in super().faults().items() if name in ("cut off", "web page")}

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {"500": super().hiccups()["500"]}


class TestOpen311(PortalCases, ConnectorConformance):
    factory = Open311Connector

    @pytest.fixture(autouse=True)
    def city(self) -> None:
        made = {f"24-{number:03}": f"{WINDOW}T{number:02}:00:00Z" for number in range(5)}
        # The first second of the day and its last are the day's, the ones around it are not.
        before, after = "2024-02-29T23:59:59Z", "2024-03-02T00:00:00Z"
        last = {"24-last": f"{WINDOW}T23:59:59Z"}
        self.portal = Open311City({"24-before": before} | made | last | {"24-after": after})

    def answer(self, asked: Asked) -> Reply:
        if asked.query.get("api_key") != SECRET or asked.query["jurisdiction_id"] != "longyou.gov.cn":
            return Reply(status=403)
        return self.portal.answer(asked)

    def case(self, endpoint: str) -> Case:
        day = {"start_date": f"{WINDOW}T00:00:00Z", "end_date": f"{WINDOW}T23:59:59Z", "page_size": 4}
        pages = [self.portal.answer(asked("", page=number, **day)) for number in (1, 2)]
        options = {"jurisdiction_id": "longyou.gov.cn", "page_size": 4, "api_key": "portal"}
        return Case(options, http_context(endpoint), WINDOW, expected(pages), SECRET)

    def missing_window(self) -> Case:
        raise SkipTest("a day without requests is no error")

    def many_pages(self, pages: int) -> Case:
        case = self.quickly(pages)
        self.portal.requests = Rows.many(pages * 3)
        return case

    def changed(self) -> Case:
        self.portal.requests = {f"{key}b": made for key, made in self.portal.requests.items()}
        return self.healthy()

    def empty(self) -> Case:
        self.portal.requests.clear()
        case = self.healthy()
        return Case(case.options, case.context, WINDOW, {"page-000001.json": b"[]"}, SECRET)

    def growing(self) -> Moving:
        case = self.healthy()

        def arrives() -> None:
            self.portal.requests = {
                f"24-x{len(self.portal.requests)}": f"{WINDOW}T00:00:00Z"
            } | self.portal.requests

        always = frozenset(key for key in self.portal.requests if key not in ("24-before", "24-after"))
        self.portal.between = arrives
        return Moving(case, _requests, always, may_refuse=True)

    def boundary(self) -> Moving:
        self.portal.requests = {f"24-{number:03}": f"{WINDOW}T00:00:00Z" for number in range(9)}
        return Moving(self.healthy(), _requests, frozenset(self.portal.requests))


def _requests(content: bytes) -> list[str]:
    return [one["service_request_id"] for one in json.loads(content)]


class CkanCases(PortalCases, ConnectorConformance):
    factory = CkanConnector

    @pytest.fixture(autouse=True)
    def made(self) -> None:
        self.portal = CkanPortal()

    def answer(self, asked: Asked) -> Reply:
        return (
            self.portal.answer(asked) if asked.headers.get("authorization") == SECRET else Reply(status=403)
        )

    def many_pages(self, pages: int) -> Case:
        case = self.quickly(pages)
        self.portal.rows = Rows.many(pages * 3)
        return case

    def changed(self) -> Case:
        self.portal.rows.ids = range(200, 208)
        return self.healthy()


class TestCkanDatastore(CkanCases):
    def case(self, endpoint: str) -> Case:
        options = {"read": "datastore", "resource": "table", "page_size": 3, "token": "portal"}
        pages = [
            self.portal.answer(
                asked(
                    "/api/3/action/datastore_search", resource_id="table", sort="_id", offset=start, limit=3
                )
            )
            for start in ((0, 3, 6) if self.portal.rows.ids else (0,))
        ]
        return Case(options, http_context(endpoint), None, expected(pages), SECRET)

    def empty(self) -> Case:
        self.portal.rows.ids = []
        return self.healthy()

    def growing(self) -> Moving:
        case = self.healthy()
        always = frozenset(str(number) for number in self.portal.rows.ids)
        self.portal.rows.grows, self.portal.rows.grows_in_front = True, False
        return Moving(case, _records, always)

    def boundary(self) -> Moving:
        return Moving(self.healthy(), _records, frozenset(str(number) for number in self.portal.rows.ids))


class TestCkanCatalogue(TestCkanDatastore):
    def case(self, endpoint: str) -> Case:
        options = {"read": "catalogue", "page_size": 3, "token": "portal"}
        pages = [
            self.portal.answer(asked("/api/3/action/package_search", sort="id asc", start=start, rows=3))
            for start in ((0, 3, 6) if self.portal.rows.ids else (0,))
        ]
        return Case(options, http_context(endpoint), None, expected(pages), SECRET)

    def growing(self) -> Moving:
        case = self.healthy()
        always = frozenset(str(number) for number in self.portal.rows.ids)
        self.portal.rows.grows = True
        return Moving(case, _records, always, may_refuse=True)


def _records(content: bytes) -> list[str]:
    result = json.loads(content)["result"]
    return [row["id"] for row in result.get("records", result.get("results"))]


class TestCkanResources(CkanCases):
    content = b"a,b\n"

    def many_pages(self, pages: int) -> Case:
        raise SkipTest("the files of a dataset are listed in one answer")

    def empty(self) -> Case:
        raise SkipTest("a dataset without files is an error")

    def changed(self) -> Case:
        self.content = b"b,a\n"
        return self.healthy()

    def listed(self, key: str, form: str, name: str, url: str) -> dict[str, str]:
        return {"id": key, "format": form, "name": name, "url": url, "state": "active"}

    def case(self, endpoint: str) -> Case:
        self.portal.files = {"/base/d/b/2024%2003.csv": self.content * 300, "/base/d/a/t.csv": self.content}
        self.portal.resources = [
            self.listed("b", "CSV", "March", f"{endpoint}/d/b/2024%2003.csv"),
            self.listed("a", "csv", "March, corrected", f"{endpoint}/d/a/t.csv"),
            self.listed("c", "PDF", "March", f"{endpoint}/d/c/t.pdf"),
            self.listed("d", "CSV", "April", f"{endpoint}/d/d/t.csv"),
            self.listed("e", "CSV", "March", f"{endpoint}/d/e/t.csv") | {"state": "deleted"},
        ]
        options = {"read": "resources", "dataset": "trees", "format": ["csv"], "name": "March*"}
        options["token"] = "portal"
        bodies = {"a/t.csv": self.content, "b/2024_03.csv": self.content * 300}
        return Case(options, http_context(endpoint), None, bodies, SECRET)


class TestSocrataRows(PortalCases, ConnectorConformance):
    factory = SocrataConnector
    order = "id"
    form = "json"

    @pytest.fixture(autouse=True)
    def made(self) -> None:
        self.portal = SocrataPortal()

    def answer(self, asked: Asked) -> Reply:
        return self.portal.answer(asked) if asked.headers.get("x-app-token") == SECRET else Reply(status=403)

    def case(self, endpoint: str) -> Case:
        options = {"dataset": "ydr8-5enu", "page_size": 3, "app_token": "portal"}
        options |= {"order": self.order, "form": self.form}
        ids = self.portal.rows.ids
        pages = [
            self.portal.answer(
                asked(f"/ydr8-5enu.{self.form}", _S_order=":id", _S_limit=3, _S_where=f":id > 'row-{after}'")
            )
            for after in ((0, ids[2], ids[5]) if ids else (0,))
        ]
        return Case(options, http_context(endpoint), None, expected(pages, f".{self.form}"), SECRET)

    def empty(self) -> Case:
        self.portal.rows.ids = []
        return self.healthy()

    def growing(self) -> Moving:
        case = self.healthy()
        always = frozenset(f"row-{number}" for number in self.portal.rows.ids)
        self.portal.rows.grows = True
        return Moving(case, self.keys, always)

    def boundary(self) -> Moving:
        return Moving(
            self.healthy(), self.keys, frozenset(f"row-{number}" for number in self.portal.rows.ids)
        )

    def many_pages(self, pages: int) -> Case:
        case = self.quickly(pages)
        self.portal.rows = Rows.many(pages * 3)
        return case

    def changed(self) -> Case:
        self.portal.rows.ids = range(200, 208)
        return self.healthy()

    def keys(self, content: bytes) -> list[str]:
        if self.form == "csv":
            return [row[":id"] for row in csv.DictReader(io.StringIO(content.decode()))]
        return [row[":id"] for row in json.loads(content)]


class TestSocrataByChange(TestSocrataRows):
    order = "updated"


class TestSocrataCsv(TestSocrataRows):
    form = "csv"

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        return super().faults() | {"half a row": lambda: self.after(Reply(b'":id","id"\n"row-1"\n'))}


class TestSocrataByOffset(TestSocrataRows):
    order = "offset"

    def case(self, endpoint: str) -> Case:
        case = super().case(endpoint)
        pages = [
            self.portal.answer(asked("/ydr8-5enu.json", _S_order=":id", _S_limit=3, _S_offset=start))
            for start in ((0, 3, 6) if self.portal.rows.ids else (0,))
        ]
        return replace(case, bodies=expected(pages))

    def growing(self) -> Moving:
        return replace(super().growing(), may_refuse=True)


class TestSocrataCatalogue(TestSocrataRows):
    def case(self, endpoint: str) -> Case:
        options = {"read": "catalogue", "page_size": 3, "app_token": "portal"}
        pages = [
            self.portal.answer(asked("/base/api/catalog/v1", order="dataset_id", offset=start, limit=3))
            for start in ((0, 3, 6) if self.portal.rows.ids else (0,))
        ]
        return Case(options, http_context(endpoint), None, expected(pages), SECRET)

    def growing(self) -> Moving:
        return replace(super().growing(), may_refuse=True)

    def keys(self, content: bytes) -> list[str]:
        found = json.loads(content)["results"]
        return [f"row-{one['resource']['id'].removeprefix('aaaa-')}" for one in found]
