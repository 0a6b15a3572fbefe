"""The connector `files` keeps the promises of the protocol against real servers of FTP and SFTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from pydantic import SecretStr

from connectors.files import FilesConnector
from shanhai.connect.conformance import Case, collect
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, SourceError
from tests.conformance.file_cases import (
    FILES,
    FTP_LOGIN,
    LARGE,
    MANY,
    SECRET,
    WINDOW,
    ServerCases,
    context,
    fill,
    nobody,
    pulled,
)
from tests.support.certificate import certificate_for_loopback
from tests.support.servers import sftpd as sftp
from tests.support.servers.ftpd import ftpd
from tests.support.servers.sftpd import sftpd
from tests.support.servers.sshd import sshd
from tests.support.servers.wire import Wire

pytestmark = pytest.mark.filterwarnings(
    # The library's thread that asks ahead tells of a cut connection by its own end.
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)


class TestFtp(ServerCases):
    @pytest.fixture(autouse=True)
    def server(self, tmp_path: Path) -> Iterator[None]:
        fill(tmp_path)
        with ftpd(tmp_path, password=SECRET) as server, ExitStack() as self.wires:
            self.running, self.folder = server, server.files
            self.options = {"path": "*/{window}.csv", "login": FTP_LOGIN}
            self.endpoint, self.absent = server.endpoint, nobody("ftp")
            yield

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        return {**super().faults(), "cut off": lambda: self._cut([1 << 16] * 3)}

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {
            "cut off": lambda: self._cut([1 << 20]),
            "cut off twice": lambda: self._cut([1 << 20, 1 << 19]),
        }

    def truncated(self) -> Case:
        return self._cut([1 << 16] * 3)

    def throttled(self, retry_after: float | None) -> Case:
        if retry_after is not None:
            raise SkipTest("FTP has no word for how long to wait")
        wire = self.wires.enter_context(Wire(self.running.port, greetings=[b"421 Too many connections.\r\n"]))
        endpoint = self.endpoint.replace(f":{self.running.port}/", f":{wire.port}/")
        return replace(self.healthy(), context=replace(self.healthy().context, endpoint=endpoint))

    def cut_midway(self) -> Case:
        return self._cut([1 << 20])

    def wrong_credentials(self) -> Case:
        return replace(
            self.healthy(), context=context(self.endpoint, "wrong-canary-3"), secret="wrong-canary-3"
        )

    def _cut(self, sizes: list[int]) -> Case:
        self.running.cuts[:] = sizes
        return self.healthy()


class TestFtpOverTls(TestFtp):
    @pytest.fixture(autouse=True)
    def server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        certificate = certificate_for_loopback(tmp_path)
        fill(tmp_path / "files")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        given = {"password": SECRET, "certificate": certificate}
        with ftpd(tmp_path / "files", **given) as server, ExitStack() as self.wires:
            self.running, self.folder = server, server.files
            self.options = {"path": "*/{window}.csv", "login": FTP_LOGIN}
            self.endpoint, self.absent = server.endpoint, nobody("ftps")
            self.certificate = certificate
            yield

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ConfigurationError, match=r"certificate of ftps://.* cannot be verified"):
            collect(self.connector(self.healthy()), WINDOW)

    def test_plain_ftp_is_refused_by_a_server_that_wants_tls(self) -> None:
        plain = replace(self.healthy(), context=context(self.endpoint.replace("ftps:", "ftp:")))
        with pytest.raises(ConfigurationError, match="refuses the session"):
            collect(self.connector(plain), WINDOW)


class SftpCases(ServerCases):
    """A server whose connections can be led over a wire."""

    port: int
    wires: ExitStack

    def truncated(self) -> Case:
        return self.over(cut_after=1 << 19)

    def cut_midway(self) -> Case:
        return self.over(cut_after=1 << 20, cuts=1)

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        return {**super().faults(), "cut off in the hand-shake": lambda: self.over(cut_after=300)}

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {"refused": lambda: self.over(refuse=2), "cut off": lambda: self.over(cut_after=2000, cuts=2)}

    def over(self, **given: Any) -> Case:
        wire = self.wires.enter_context(Wire(self.port, **given))
        case = self.healthy()
        endpoint = self.endpoint.replace(f":{self.port}/", f":{wire.port}/")
        return replace(case, context=replace(case.context, endpoint=endpoint))


class TestSftpByPassword(SftpCases):
    @pytest.fixture(autouse=True)
    def server(self, tmp_path: Path) -> Iterator[None]:
        fill(tmp_path)
        with sftpd(tmp_path, password=SECRET) as server, ExitStack() as self.wires:
            login = {"kind": "password", "user": sftp.USER, "secret": "portal"}
            self.options = {"path": "*/{window}.csv", "login": login, "host_keys": [server.fingerprint]}
            self.endpoint, self.absent, self.port = server.endpoint, nobody("sftp"), server.port
            self.running, self.folder = server, server.files
            yield

    def wrong_credentials(self) -> Case:
        wrong = replace(self.healthy().context, secret=lambda name: SecretStr("wrong-canary-5"))
        return replace(self.healthy(), context=wrong, secret="wrong-canary-5")

    def test_a_wrong_password_is_tried_once(self) -> None:
        with pytest.raises(ConfigurationError, match="does not accept the login"):
            self.collected(self.wrong_credentials())
        assert self.running.refused == 1


class TestSftp(SftpCases):
    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        with sshd() as server, ExitStack() as self.wires:
            fill(server.files)
            self.running, self.folder = server, server.files
            login = {"kind": "key", "user": server.user, "secret": "key"}
            self.options = {"path": "*/{window}.csv", "login": login, "host_keys": [server.fingerprint]}
            self.endpoint, self.absent, self.port = server.endpoint, nobody("sftp"), server.port
            self.secret = server.private_key
            yield

    def wrong_credentials(self) -> Case:
        login = {"kind": "password", "user": self.running.user, "secret": "portal"}
        options = {**self.options, "login": login}
        return Case(options, context(self.endpoint, "wrong-canary-4"), WINDOW, secret="wrong-canary-4")

    def test_another_host_key_is_refused_before_anything_is_sent(self) -> None:
        other = f"SHA256:{'A' * 43}"
        case = replace(self.healthy(), options={**self.options, "host_keys": [other]})
        with pytest.raises(ConfigurationError, match="shows another host key") as refused:
            collect(self.connector(case), WINDOW)
        assert self.running.fingerprint in str(refused.value)
        assert other in str(refused.value)
        assert "Accepted" not in (self.running.folder / "log").read_text()

    def test_a_host_key_has_to_be_stated(self) -> None:
        options = {name: value for name, value in self.options.items() if name != "host_keys"}
        with pytest.raises(ConfigurationError, match="needs the fingerprint"):
            collect(self.connector(replace(self.healthy(), options=options)), WINDOW)

    def test_a_wrong_password_and_a_wrong_key_are_named(self, tmp_path: Path) -> None:
        with sshd() as other:
            stranger = other.private_key
        logins = [
            ({"kind": "password", "user": self.running.user, "secret": "portal"}, SECRET),
            ({"kind": "key", "user": self.running.user, "secret": "portal"}, stranger),
        ]
        for login, secret in logins:
            connector = FilesConnector({**self.options, "login": login}, context(self.endpoint, secret))
            with pytest.raises(ConfigurationError, match=r"does not accept the login.*secret portal"):
                collect(connector, WINDOW)

    def test_a_secret_that_is_no_key_is_named(self) -> None:
        with pytest.raises(ConfigurationError, match="no private key"):
            collect(FilesConnector(self.options, context(self.endpoint, SECRET)), WINDOW)

    def test_a_torn_transfer_goes_on_where_it_stopped(self) -> None:
        pull = FilesConnector(self.options, self.healthy().context).pull(WINDOW)
        body = next(iter(pull))
        content = next(body.chunks)
        self.running.cut_off()
        content += b"".join(body.chunks)
        assert content == LARGE
        assert (self.running.folder / "log").read_text().count("Accepted publickey") == 2

    def test_a_torn_transfer_of_a_file_that_changed_is_refused(self) -> None:
        pull = FilesConnector(self.options, self.healthy().context).pull(WINDOW)
        body = next(iter(pull))
        next(body.chunks)
        self.running.cut_off()
        file = self.running.files / body.name
        file.write_bytes(bytes(len(LARGE)))
        os.utime(file, (1, 1))
        with pytest.raises(SourceError, match="changed while it was read"):
            list(body.chunks)

    def test_links_stay_below_the_endpoint(self) -> None:
        files = self.running.files
        (files.parent / "outside.csv").write_bytes(b"outside")
        (files / "inside.csv").symlink_to(files / f"water/{WINDOW}.csv")
        (files / "link.csv").symlink_to(files.parent / "outside.csv")
        (files / "folder").symlink_to(files.parent)
        assert pulled(self, "inside.csv") == {"inside.csv": FILES[f"water/{WINDOW}.csv"]}
        for path in ("link.csv", "*.csv", "folder/outside.csv"):
            with pytest.raises(DeniedError, match="outside the endpoint"):
                pulled(self, path)
        with pytest.raises(NotFoundError):
            pulled(self, "*/outside.csv")

    def test_what_may_not_be_read_is_told(self) -> None:
        for limits in ("-P open", "-P opendir", "-P lstat"):
            with sshd(limits=limits) as closed:
                fill(closed.files)
                options = {**self.options, "host_keys": [closed.fingerprint]}
                options["login"] = {"kind": "key", "user": closed.user, "secret": "key"}
                with pytest.raises(DeniedError, match="forbids to read"):
                    collect(FilesConnector(options, context(closed.endpoint, closed.private_key)), WINDOW)


@pytest.fixture(params=["ftp", "ftp without MLSD", "sftp"])
def cases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ServerCases, Path]]:
    """A server of each kind, and the folder that it serves."""
    given = ServerCases()
    if request.param == "sftp":
        with sshd() as secure:
            login = {"kind": "key", "user": secure.user, "secret": "key"}
            given.options = {"login": login, "host_keys": [secure.fingerprint]}
            given.endpoint, given.secret = secure.endpoint, secure.private_key
            yield given, secure.files
        return
    without = ("MLSD", "MLST") if "without" in request.param else ()
    with ftpd(tmp_path, password=SECRET, without=without) as plain:
        given.options, given.endpoint = {"login": FTP_LOGIN}, plain.endpoint
        yield given, tmp_path


def test_names_with_blanks_and_chinese(cases: tuple[ServerCases, Path]) -> None:
    server, folder = cases
    files = {"水 表/读 数 1.csv": b"1", "水 表/读数2.csv": b"2", "b c.csv": b"3"}
    fill(folder, files)
    fill(folder, {".hidden.csv": b"", "水 表/.half.csv": b"", ".folder/a.csv": b""})
    assert pulled(server, "**/*.csv") == files
    assert list(pulled(server, "**/*.csv")) == sorted(files)
    assert pulled(server, "水 表/读 数 1.csv") == {"水 表/读 数 1.csv": b"1"}


def test_an_empty_folder_and_an_absent_one_have_nothing(cases: tuple[ServerCases, Path]) -> None:
    server, folder = cases
    (folder / "empty").mkdir()
    for path in ("empty/*.csv", "absent/*.csv", "absent/a.csv", "empty"):
        with pytest.raises(NotFoundError, match="no file matches"):
            pulled(server, path)


def test_many_files_come_in_order_each_once(cases: tuple[ServerCases, Path]) -> None:
    server, folder = cases
    files = {f"many/{number:04}.csv": b"%d" % number for number in range(MANY)}
    fill(folder, files)
    came = pulled(server, "many/*.csv")
    assert came == files
    assert list(came) == sorted(files)


def test_a_file_that_grows_while_it_is_read_is_refused(cases: tuple[ServerCases, Path]) -> None:
    server, folder = cases
    fill(folder, {"a.csv": LARGE})
    connector = FilesConnector({**server.options, "path": "a.csv"}, server.healthy().context)
    pull = connector.pull(None)
    body = next(iter(pull))
    assert body.facts["size"] == str(len(LARGE))
    next(body.chunks)
    with (folder / "a.csv").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(SourceError, match="changed while it was read"):
        list(body.chunks)


def test_a_file_replaced_while_it_is_read_is_refused(cases: tuple[ServerCases, Path]) -> None:
    server, folder = cases
    fill(folder, {"a.csv": LARGE, "b.csv": bytes(len(LARGE))})
    os.utime(folder / "b.csv", (1, 1))
    connector = FilesConnector({**server.options, "path": "a.csv"}, server.healthy().context)
    pull = connector.pull(None)
    body = next(iter(pull))
    next(body.chunks)
    (folder / "b.csv").rename(folder / "a.csv")
    with pytest.raises(SourceError, match="changed while it was read"):
        list(body.chunks)
