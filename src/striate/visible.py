"""Text from outside as it may be shown: names of files, labels and what they say cannot steer a terminal or forge a line."""

from __future__ import annotations

import unicodedata

# Unicode's categories of what steers or is not seen: control characters, what turns the direction of writing, halves of
# characters, line ends.  Joiners are not among them: words of several scripts and emoji are written with them.
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with everything that would not be seen written out: ``\x1b`` for the escape character, ``\n`` for a line's
    end, ``\xff`` for a byte of a name that is no text in UTF-8.

    text    of a stranger, such as the name of a file
    lines   it is a text of ours that has lines and tabs, which stay
    """
    if (text.replace("\n", "").replace("\t", "") if lines else text).isprintable():
        return text
    kept = _JOINERS + "\n\t" * lines
    return "".join(_written_out(ord(sign)) if _steers(sign) and sign not in kept else sign for sign in text)


def _steers(sign: str) -> bool:
    return not sign.isprintable() and unicodedata.category(sign) in _HIDDEN


def _written_out(code: int) -> str:
    plain = {10: r"\n", 13: r"\r", 9: r"\t"}.get(code)
    if plain:
        return plain
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no text
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
