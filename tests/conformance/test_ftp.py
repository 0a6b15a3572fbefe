"""What is particular to FTP: its data connections, its logins, its names."""

from __future__ import annotations

import ftplib
import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from connectors.files import FilesConnector
from shanhai.connect.conformance import collect
from shanhai.errors import ConfigurationError, DeniedError, SourceError
from tests.conformance.file_cases import FILES, FTP_LOGIN, LARGE, SECRET, context, fill
from tests.support.certificate import certificate_for_loopback
from tests.support.servers.ftpd import ftpd
from tests.support.servers.vsftpd import vsftpd


def test_data_connections_resume_the_session_of_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificate_for_loopback(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    fill(tmp_path / "files")
    with vsftpd(tmp_path / "files", certificate) as server:
        assert collect(FilesConnector({"path": "*/*.csv"}, context(server.endpoint)), None) == FILES
        assert ", reused," in server.log
        # The same server shuts out whoever does not.
        with ftplib.FTP_TLS(context=ssl.create_default_context(), timeout=60) as other:  # noqa: S321
            other.connect("127.0.0.1", server.port)
            other.login()
            other.prot_p()
            with pytest.raises(ftplib.error_perm, match="522"):
                other.nlst()


def test_a_wrong_password_of_ftp_is_named(tmp_path: Path) -> None:
    with ftpd(tmp_path, password="another") as server:
        connector = FilesConnector({"path": "*", "login": FTP_LOGIN}, context(server.endpoint))
        with pytest.raises(ConfigurationError, match=r"does not accept the login.*secret portal") as refused:
            collect(connector, None)
        assert SECRET not in str(refused.value)
        anonymous = FilesConnector({"path": "*"}, context(server.endpoint))
        with pytest.raises(ConfigurationError, match="asks for a login"):
            collect(anonymous, None)


def test_what_ftp_forbids_is_told(tmp_path: Path) -> None:
    fill(tmp_path)
    for rights in ("el", "er"):
        with ftpd(tmp_path, password=SECRET, rights=rights) as server:
            connector = FilesConnector({"path": "*/*.csv", "login": FTP_LOGIN}, context(server.endpoint))
            with pytest.raises(DeniedError, match="may not be read"):
                collect(connector, None)


def test_data_connections_go_to_no_other_host(tmp_path: Path) -> None:
    """A server that names another machine is asked for data itself: here nobody listens at that address."""
    fill(tmp_path)
    with ftpd(tmp_path, password=SECRET, said_to_be_at="127.0.0.9", without=("EPSV",)) as server:
        connector = FilesConnector({"path": "*/*.csv", "login": FTP_LOGIN}, context(server.endpoint))
        assert collect(connector, None) == FILES
        assert any(line.startswith("PASV") for line in server.asked)


def test_a_torn_transfer_of_ftp_goes_on_where_it_stopped(tmp_path: Path) -> None:
    fill(tmp_path, {"a.csv": LARGE})
    with ftpd(tmp_path, password=SECRET) as server:
        server.cuts.append(1 << 20)
        connector = FilesConnector({"path": "a.csv", "login": FTP_LOGIN}, context(server.endpoint))
        assert collect(connector, None) == {"a.csv": LARGE}
        (resumed,) = (line for line in server.asked if line.startswith("REST"))
        assert int(resumed.split()[1]) >= 1 << 19


def test_ftp_names_in_gb18030(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    with open(os.path.join(folder, "水表.csv".encode()), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"1")
    with ftpd(tmp_path, password=SECRET, encoding="gb18030") as server:
        options = {"path": "水*.csv", "login": FTP_LOGIN}
        with pytest.raises(ConfigurationError, match="option encoding"):
            collect(FilesConnector(options, context(server.endpoint)), None)
        options["encoding"] = "gb18030"
        assert collect(FilesConnector(options, context(server.endpoint)), None) == {"水表.csv": b"1"}


def test_a_name_of_ftp_that_is_refused_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "水表\x1b[2J.csv").write_bytes(b"1")
    with ftpd(tmp_path, password=SECRET) as server:
        with pytest.raises(SourceError) as refused:
            collect(FilesConnector({"path": "*.csv", "login": FTP_LOGIN}, context(server.endpoint)), None)
        assert refused.value.given == r"'水表\x1b[2J.csv'"
        with pytest.raises(ConfigurationError) as unsent:
            collect(
                FilesConnector({"path": "水表\u2028/*", "login": FTP_LOGIN}, context(server.endpoint)), None
            )
    assert unsent.value.given == r"'水表\u2028'"


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        ("ftp://user:canary@127.0.0.1/", {}),
        ("ftp://127.0.0.1/../etc", {}),
        ("ftp://127.0.0.1/?a=b", {}),
        ("ftp://127.0.0.1/", {"host_keys": [f"SHA256:{'A' * 43}"]}),
        ("ftp://127.0.0.1/", {"auth": {"kind": "bearer", "secret": "x"}}),
        ("ftp://127.0.0.1/", {"login": {"kind": "key", "user": "a", "secret": "x"}}),
        ("sftp://127.0.0.1/", {"host_keys": [f"SHA256:{'A' * 43}"]}),
        ("https://127.0.0.1/", {"login": FTP_LOGIN}),
    ],
)
def test_what_an_endpoint_cannot_have_is_refused_before_it_is_asked(
    endpoint: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        collect(FilesConnector({"path": "a.csv", **options}, context(endpoint)), None)
    assert "canary" not in str(refused.value)
