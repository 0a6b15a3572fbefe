"""Connections that are torn at each page and moment of a pull: it is done again, and has every page once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from one_city import COLUMNS, DATASET, City
from plain_state import differences, read_state

from connectors.rest import RestConnector
from shanhai.connect.protocol import ConnectContext
from shanhai.errors import SourceError
from shanhai.ingest.snapshot import pull
from shanhai.ingest.walk import check_step, load_step, stage_step
from tests.conformance.far_side import Asked, FarSide, Reply

PAGES, ROWS = 4, 5
MOMENTS: dict[str, dict[str, Any]] = {
    "before the head": {"unsaid": True},
    "before the body": {"cut_after": 0},
    "amid the body": {"cut_after": 90},
    "amid the body, reset": {"cut_after": 90, "reset": True},
    "before the last chunk": {"cut_after": 1 << 20, "chunked": True},
}
"""How an answer ends; after a whole one the connection may end as well, which harms nobody."""
WINDOWS = {name: f"2024-03-{day:02}" for day, name in enumerate((*MOMENTS, "killed"), start=1)}
AFTER_IT = {"cut_after": 1 << 20, "reset": True}
PAGING = {"kind": "page", "records": "rows", "total_pages": "pages", "total_records": "total"}
OPTIONS = {"path": "events/{window}", "paging": PAGING}


class Pages:
    """A source of pages that tears its answer to one request, as it is told."""

    def __init__(self) -> None:
        self.torn: dict[str, Any] | None = None
        self.page = 0
        self.tears = 0

    def tear(self, page: int, **how: Any) -> None:
        """Answer the next request for a page so."""
        self.page, self.torn = page, how

    def answer(self, asked: Asked) -> Reply:
        number = int(asked.query["page"])
        window = asked.path.rpartition("/")[2]
        start = (number - 1) * ROWS
        rows = [{"id": f"{window} {row}", "n": row, "at": window} for row in range(start, start + ROWS)]
        document = {"pages": PAGES, "total": PAGES * ROWS, "rows": rows}
        reply = Reply(json.dumps(document).encode(), media_type="application/json")
        if self.torn is None or number != self.page:
            return reply
        how, self.torn = self.torn, None
        self.tears += 1
        return replace(reply, **how)


@pytest.fixture
def source() -> Iterator[tuple[Pages, str]]:
    pages = Pages()
    with FarSide(pages.answer) as far_side:
        yield pages, far_side.address


@pytest.fixture
def make_city(
    source: tuple[Pages, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], City]:
    monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", source[1])
    monkeypatch.setenv("SHANHAI_HTTP_ATTEMPTS", "1")

    def make(name: str) -> City:
        (tmp_path / name).mkdir()
        city = City(tmp_path / name)
        columns = [{**column, "customProperties": []} for column in COLUMNS]
        city.declare(
            columns,
            source={"connector": "rest", "endpoint": "data", "options": OPTIONS},
            format={"kind": "json", "records": "rows"},
            delivery={"per": "pull", "partition": {"by": "window"}},
            schedule={"cron": "0 3 * * *", "start": "2024-03-01", "window": "%Y-%m-%d"},
            versions={"rule": "append"},
        )
        return city

    return make


KILLED = "import sys; from shanhai.cli import main; sys.exit(main(sys.argv[1:]))"


def killed_pull(city: City, pages: Pages, page: int, how: dict[str, Any]) -> None:
    """Pull a window in a process that is killed at the moment when its answer is torn."""
    options = ["--home", str(city.root / "home"), "--federation", str(city.root)]
    command = [sys.executable, "-c", KILLED, *options, "pull", str(DATASET), "--window", WINDOWS["killed"]]
    process: list[subprocess.Popen[bytes]] = []
    pages.tear(page, **how, afterwards=lambda: os.kill(process[0].pid, signal.SIGKILL))
    process.append(subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL))
    assert process[0].wait(1800) == -signal.SIGKILL


def test_a_pull_that_is_torn_anywhere_is_done_again_without_loss_or_double(
    source: tuple[Pages, str], make_city: Callable[[str], City]
) -> None:
    pages = source[0]
    clean, city = make_city("clean"), make_city("torn")
    for moment, how in MOMENTS.items():
        for page in range(1, PAGES + 1):
            pages.tear(page, **how)
            with pytest.raises(SourceError) as torn:
                pull(city.node, DATASET, WINDOWS[moment])
            assert torn.value.recovery == "retry"
    assert pages.tears == len(MOMENTS) * PAGES
    for page, how in ((1, MOMENTS["before the head"]), (3, MOMENTS["amid the body"]), (PAGES, AFTER_IT)):
        killed_pull(city, pages, page, how)
    assert not (city.root / "home" / "snapshots" / "deliveries").exists()
    for window in WINDOWS.values():
        pages.tear(PAGES, **AFTER_IT)
        assert len(pull(city.node, DATASET, window)) == 1
        assert pull(city.node, DATASET, window) == []
        pull(clean.node, DATASET, window)
    for one in (clean, city):
        for step in (stage_step, check_step, load_step):
            step(one.node, DATASET)
        one.ledger()
    state = read_state(clean.root / "home")
    assert sum(state.tables[str(DATASET)].values()) == len(WINDOWS) * PAGES * ROWS
    assert differences(state, read_state(city.root / "home")) == []


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("page", range(1, PAGES + 1))
def test_one_pull_lives_through_a_torn_page(source: tuple[Pages, str], page: int, moment: str) -> None:
    pages, address = source
    waited: list[float] = []
    context = ConnectContext(address, attempts=2, sleep=waited.append)

    def bodies() -> list[tuple[str, bytes]]:
        pulled = RestConnector(OPTIONS, context).pull("2024-03-01")
        return [(body.name, b"".join(body.chunks)) for body in pulled]

    whole = bodies()
    pages.tear(page, **MOMENTS[moment])
    assert bodies() == whole
    assert (pages.tears, len(waited)) == (1, 1)
