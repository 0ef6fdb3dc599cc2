"""Text from outside as it may be shown: names of files, labels and what they say cannot steer a terminal or forge a line."""

from __future__ import annotations

import re

# Control characters, also those above 127; what turns the direction of writing; line ends of Unicode; halves of characters.
_HIDDEN = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_ONE = re.compile(f"[{_HIDDEN}]")
_SEVERAL = re.compile(f"(?![\n\t])[{_HIDDEN}]")


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with everything that would not be seen written out: ``\x1b`` for the escape character, ``\n`` for a line's
    end, ``\xff`` for a byte of a name that is no text in UTF-8.

    text    of a stranger, such as the name of a file
    lines   it is a text of ours that has lines and tabs, which stay
    """
    if text.isascii() and text.isprintable():
        return text
    return (_SEVERAL if lines else _ONE).sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    plain = {10: r"\n", 13: r"\r", 9: r"\t"}.get(code)
    if plain:
        return plain
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no text
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
