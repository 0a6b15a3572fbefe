"""TLS to PostgreSQL: a certificate is trusted only for its name and from a known authority."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shanhai.errors import ConfigurationError
from tests.support.required import program
from tests.support.servers.postgres import Postgres
from tests.support.sql_source import of_postgres


@pytest.fixture
def certificate(postgres: Postgres) -> Iterator[Path]:
    """The server's own certificate, for `localhost` only."""
    data = postgres.folder / "data"
    made = [
        *(program("/usr/bin/openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
        *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", data / "server.key", "-out", data / "server.crt"),
    ]
    subprocess.run(made, check=True, capture_output=True)
    owner = data.stat()
    for name in ("server.key", "server.crt"):
        os.chown(data / name, owner.st_uid, owner.st_gid)
    (data / "server.key").chmod(0o600)
    postgres.execute("ALTER SYSTEM SET ssl = on")
    postgres.execute("SELECT pg_reload_conf()")
    postgres.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;"
        "CREATE TABLE t (id int)"
    )
    yield data / "server.crt"
    postgres.execute("ALTER SYSTEM RESET ssl")
    postgres.execute("SELECT pg_reload_conf()")


def test_a_certificate_of_a_known_authority_and_the_right_name_is_trusted(
    postgres: Postgres, certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    named = of_postgres(postgres)
    by_name = replace(named.context, endpoint=postgres.endpoint.replace("127.0.0.1", "localhost"))
    with pytest.raises(ConfigurationError, match="TLS"):
        named.pull(table="public.t", sslmode="verify-full", context=by_name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert len(named.pull(table="public.t", sslmode="verify-full", context=by_name)) == 1
    with pytest.raises(ConfigurationError, match="TLS"):
        named.pull(table="public.t", sslmode="verify-full")
    assert len(named.pull(table="public.t", sslmode="verify-ca")) == 1
    assert len(named.pull(table="public.t", sslmode="require")) == 1
