"""What a connector to a file server is asked, whatever the server speaks."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.files import FilesConnector
from infra.local.configuration import free_port
from shanhai.connect.conformance import Case, ConnectorConformance, Moving, collect
from shanhai.connect.protocol import ConnectContext
from tests.conformance.rows import arrivals
from tests.support.servers import ftpd as ftp

SECRET = "canary-7d1f0a93be"
WINDOW = "2024-03-01"
LARGE = random.Random(2).randbytes(3_000_000)
FILES = {f"water/{WINDOW}.csv": "水表编号,读数\n".encode("gb18030"), f"noise/{WINDOW}.csv": LARGE}
MANY = 300
"""Files: more than any of the servers tells in one answer."""
FTP_LOGIN = {"kind": "password", "user": ftp.USER, "secret": "portal"}


def fill(folder: Path, files: Mapping[str, bytes] = FILES) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def context(endpoint: str, secret: str = SECRET, **changes: Any) -> ConnectContext:
    given = ConnectContext(
        endpoint,
        secret=lambda name: SecretStr(secret),
        timeout_seconds=60,
        attempts=3,
        sleep=lambda seconds: None,
    )
    return replace(given, **changes)


def nobody(scheme: str) -> str:
    """An address where nobody listens."""
    return f"{scheme}://127.0.0.1:{free_port()}/"


class ServerCases(ConnectorConformance):
    """Give `options` and `at`: an endpoint of a server that has `FILES`, and one where there is none."""

    factory = FilesConnector
    options: Mapping[str, Any]
    endpoint: str
    absent: str
    folder: Path
    secret = SECRET

    def healthy(self) -> Case:
        return Case(self.options, context(self.endpoint, self.secret), WINDOW, FILES, self.secret)

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        return {"down": lambda: Case(self.options, context(self.absent, self.secret), WINDOW)}

    def empty(self) -> Case:
        nothing = dict.fromkeys(FILES, b"")
        fill(self.folder, nothing)
        return replace(self.healthy(), bodies=nothing)

    def growing(self) -> Moving:
        arriving = arrivals(lambda name, content: fill(self.folder, {name: content}), FILES)
        return Moving(self.healthy(), arriving, frozenset(FILES))


def pulled(cases: ServerCases, path: str, **changes: Any) -> dict[str, bytes]:
    return collect(
        FilesConnector({**cases.options, "path": path}, replace(cases.healthy().context, **changes)), None
    )
