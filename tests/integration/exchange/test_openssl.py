"""OpenSSL and sha256sum find what we found, from bytes that a page of shell assembles."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from required import program
from vectors import world
from vectors.givens import b64

from shanhai.exchange import dsse

SCRIPT = Path(__file__).with_name("verify.sh")
SIGNED = {
    "message": world.parcel().envelope,
    "set": world.set_envelope(world.statement()),
    "keyset": world.LONGYOU.keyset_envelope(),
}


def verified(envelope: bytes, public: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    program("/usr/bin/openssl", "openssl")
    (folder / "envelope.json").write_bytes(envelope)
    command = ["/bin/sh", str(SCRIPT), "envelope.json", b64(public)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("kind", SIGNED)
def test_openssl_verifies_the_signature_and_sha256sum_the_digest(kind: str, tmp_path: Path):
    envelope = SIGNED[kind]
    key = world.LONGYOU.roots[0] if kind == "keyset" else world.LONGYOU.signing()
    told = verified(envelope, key.public.public, tmp_path)
    assert told.returncode == 0, told.stderr
    payload_type = json.loads(envelope)["payloadType"]
    assert told.stdout.strip() == dsse.read(envelope, payload_type).digest


@pytest.mark.parametrize("kind", SIGNED)
def test_openssl_refuses_another_payload_type_and_another_key(kind: str, tmp_path: Path):
    envelope = SIGNED[kind]
    key = world.LONGYOU.roots[0] if kind == "keyset" else world.LONGYOU.signing()
    changed = envelope.replace(b".v1+json", b".v2+json").replace(b"in-toto", b"in-trot")
    assert changed != envelope
    assert verified(changed, key.public.public, tmp_path).returncode != 0
    assert verified(envelope, world.GONGSHU.signing().public.public, tmp_path).returncode != 0
