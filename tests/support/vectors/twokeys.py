"""One AES-256-GCM wrap that opens under two keys, as anybody can make it: why keys are committed to."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

NONCE = bytes(12)
_REDUCTION = 0xE1 << 120


def wrap_for_two(first: bytes, second: bytes, aad: bytes) -> bytes:
    """nonce ‖ ciphertext of 32 bytes ‖ tag that authenticates under both keys with the same `aad`.

    The tag is linear in the second block of ciphertext (NIST SP 800-38D), so that block is solved for.
    """
    block = int.from_bytes(b"any first block!", "big")
    one, other = _constants(first, aad, block), _constants(second, aad, block)
    # block2·H² differs between the keys by what everything else differs
    square = _times(one[0], one[0]) ^ _times(other[0], other[0])
    solved = _times(one[1] ^ other[1], _inverse(square))
    tag = one[1] ^ _times(solved, _times(one[0], one[0]))
    return NONCE + b"".join(value.to_bytes(16, "big") for value in (block, solved, tag))


def _constants(key: bytes, aad: bytes, block: int) -> tuple[int, int]:
    """H, and the tag of the ciphertext whose second block is zero."""
    h = _encrypted(key, bytes(16))
    mask = _encrypted(key, NONCE + b"\x00\x00\x00\x01")
    padded = aad + bytes(-len(aad) % 16)
    blocks = [int.from_bytes(padded[at : at + 16], "big") for at in range(0, len(padded), 16)]
    lengths = (len(aad) * 8) << 64 | 256
    tag = 0
    for value in (*blocks, block, 0, lengths):
        tag = _times(tag ^ value, h)
    return h, tag ^ mask


def _encrypted(key: bytes, block: bytes) -> int:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 -- the raw block cipher of GCM
    return int.from_bytes(encryptor.update(block), "big")


def _times(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (_REDUCTION if y & 1 else 0)
    return product


def _inverse(x: int) -> int:
    """x to the power 2^128 − 2."""
    result, power = 1 << 127, x
    for _ in range(127):
        power = _times(power, power)
        result = _times(result, power)
    return result
