"""Texts that mean the same under every contract: blanks, truth, full-width forms."""

from __future__ import annotations

BLANKS = " \t\n\r\v\f\u00a0\u200b\u3000\ufeff"
"""Characters trimmed from both ends of every text."""

TRUE_TEXTS = ("true", "True", "TRUE", "t", "T", "yes", "Yes", "YES", "y", "Y", "1", "是", "有", "真")
"""What a boolean column reads as true; exactly these texts."""

FALSE_TEXTS = ("false", "False", "FALSE", "f", "F", "no", "No", "NO", "n", "N", "0", "否", "无", "假")
"""What a boolean column reads as false; exactly these texts."""

FULL_WIDTH = "".join(chr(code) for code in range(0xFF01, 0xFF5F)) + "\u3000"
"""Full-width ASCII and the ideographic space."""

HALF_WIDTH = "".join(chr(code) for code in range(0x21, 0x7F)) + " "
"""The half-width form of each character of `FULL_WIDTH`, in the same order."""
