"""Which log keys are believed: those of every version of a generation, and none that was taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shanhai.exchange.keyset_documents import sign_keyset
from shanhai.exchange.keysets import LOG
from shanhai.keyring.keyring import Keyring, log_keys_of
from shanhai.keyring.rotation import Policy, first_keyset, new_keys, new_roots, next_keyset

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def test_a_log_key_that_was_taken_back_is_believed_of_no_version(tmp_path: Path):
    keyring, roots, fresh = Keyring(tmp_path), new_roots(Policy()), new_keys(Policy())
    first = keyring.publish(sign_keyset(first_keyset("longyou", roots, fresh, Policy(), NOW), roots.keys))
    (old,) = first.of_use(LOG)
    later = NOW + timedelta(days=30)
    plain = next_keyset(
        first, new_keys(Policy()), Policy(), later, overlap=timedelta(days=30), compromised={}
    )
    second = keyring.publish(sign_keyset(plain, roots.keys))
    (new,) = [one for one in second.of_use(LOG) if one.kid != old.kid]
    assert set(keyring.log_keys()) == {old.key.public, new.key.public}
    assert keyring.log_keys_taken_back() == ()

    taken_back = replace(second, version=3, compromised={old.kid: later})
    third = keyring.publish(sign_keyset(taken_back, roots.keys))
    assert keyring.log_keys() == log_keys_of(third) == (new.key.public,)
    assert keyring.log_keys_taken_back() == (old.key.public,)
