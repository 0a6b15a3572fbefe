"""Which parameters of an address are secrets: told by the words of their names."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")
"""Words between `-`, `_`, `.`, digits, and where capitals begin: `X-Amz-Credential`, `APIKey`, `token2`."""
_WORDS = frozenset(
    {
        *("ak", "sk", "tk", "auth", "authorization", "bearer", "cookie", "hmac", "jwt", "otp", "pass", "psw"),
        *("session", "sess", "sid", "sig", "sign", "ticket", "tickets"),
    }
)
_ENDINGS = (
    *("secret", "password", "passwd", "pwd", "passphrase", "passcode", "signature", "token", "jwt"),
    *("credential", "credentials", "sessionid", "sessid", "ticketid"),
    *("密钥", "密码", "口令", "令牌", "签名", "票据"),
)
_KEY = "key"
_PLAIN = ("monkey", "donkey", "turkey", "hockey", "jockey", "whiskey")


def is_secret(name: str) -> bool:
    """Whether the name of a parameter is one of a secret; it may well be of none, but nothing else tells.

    So `sort_key` is taken for one, like all that ends in a key; `keyword` and `key_figure` are not.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if any(word in _WORDS or word.endswith(_ENDINGS) for word in words):
        return True
    return bool(words) and words[-1].endswith(_KEY) and words[-1] not in _PLAIN
