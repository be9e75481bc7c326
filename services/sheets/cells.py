"""Cells: values as text that no spreadsheet takes for a formula."""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

Cell: TypeAlias = str | int | Decimal | bool | None
"""A number is a Decimal or an int and stays one; what only looks like a number (a serial, a lot) is a str."""

_BEGINS_FORMULA = "=+-@"
_GIVES_ROOM = "\t\r\n\x00"
_MARK = "'"


def neutral(text: str) -> str:
    """Text that no spreadsheet takes for a formula: with an apostrophe before it, if need be (OWASP 'CSV Injection').

    Full-width signs count too, and so do signs behind spaces or characters that do not show: programs drop these.
    Different texts stay different.
    """
    bare = text.lstrip(_MARK)
    return _MARK + text if bare and _dangerous(bare) else text


def _dangerous(text: str) -> bool:
    if text[0].isascii() and text[0].isalnum():
        return False  # nearly every cell
    if text[0] in _GIVES_ROOM:
        return True
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp"):
            continue
        # NFKC makes one character of each full-width, small and superscript form of a sign.
        return unicodedata.normalize("NFKC", char)[:1] in _BEGINS_FORMULA or char == "\N{MINUS SIGN}"
    return False


def written(value: Cell) -> str:
    """A cell as text: a number without exponent, nothing for None, and no formula."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case str():
            return neutral(value)


def listed(values: Sequence[str]) -> str:
    """Several in one cell."""
    return "; ".join(values)
