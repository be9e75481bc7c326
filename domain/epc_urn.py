"""GS1 keys as EPC URNs: reading them into AI and value, and writing them again.

Source: EPC Tag Data Standard 2.1 §6.3; check digits: GS1 General Specifications §7.9.
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote

_URN = re.compile(r"^urn:epc:(id|idpat|class):([a-z]+):(.+)$", re.IGNORECASE)


class Parts(NamedTuple):
    """Primary AI and value, with the lot and serial beside it."""

    ai: str
    value: str
    lot: str | None = None
    serial: str | None = None


class InvalidId(ValueError):
    """An identifier that is written wrongly, or names nothing; the message names the part and the fix."""


def check_digit(digits: str) -> str:
    """The GS1 mod-10 check digit of the digits before it."""
    total = 3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))
    return str(-total % 10)


def is_urn(text: str) -> bool:
    """Whether it is written as an EPC URN, right or wrong."""
    return _URN.match(text) is not None


def read(text: str) -> Parts | None:
    """The key an EPC URN names; None for one whose digits do not add up (it stays a URI of its own)."""
    match = _URN.match(text)
    if match is None:
        return None
    try:
        return _read(match[1].lower(), match[2].lower(), match[3])
    except InvalidId:
        return None


def company_prefix(text: str) -> str | None:
    """The company prefix shown by an EPC URN, else None."""
    match = _URN.match(text)
    prefix = match[3].split(".", 1)[0] if match else ""
    return prefix if prefix.isdigit() else None


def _read(form: str, scheme: str, body: str) -> Parts:
    parts = [unquote(p) for p in body.split(".")]
    try:
        if form == "class":
            parts = [unquote(p) for p in body.split(".", 2)]
            gcp, ref, lot = parts
            if scheme != "lgtin":
                raise InvalidId(f"urn:epc:class:{scheme} is not known: use urn:epc:class:lgtin")
            return Parts("01", _gtin(gcp, ref), lot=lot)
        return _URN_READERS[scheme](body, form == "idpat")
    except KeyError:
        raise InvalidId(f"urn:epc:{form}:{scheme} is not an EPC scheme that names an item, place or party") from None
    except (ValueError, IndexError) as error:
        if isinstance(error, InvalidId):
            raise
        raise InvalidId(f"urn:epc:{form}:{scheme}:{body} has not the parts that {scheme} needs") from error


def _digits(*parts: str, total: int) -> str:
    joined = "".join(parts)
    if not joined.isdigit() or len(joined) != total or not 6 <= len(parts[0]) <= 12:
        raise InvalidId(f"{'.'.join(parts)}: company prefix and reference must be {total} digits together")
    return joined


def _gtin(gcp: str, ref: str) -> str:
    _digits(gcp, ref, total=13)
    body = ref[0] + gcp + ref[1:]
    return body + check_digit(body)


def _split(body: str, count: int) -> list[str]:
    parts = [unquote(p) for p in body.split(".", count - 1)]
    if len(parts) != count:
        raise InvalidId(f"{body}: expected {count} parts separated by dots")
    return parts


def _sgtin(body: str, pattern: bool) -> Parts:
    gcp, ref, serial = _split(body, 3)
    return Parts("01", _gtin(gcp, ref), serial=None if pattern and serial == "*" else serial)


def _sscc(body: str, pattern: bool) -> Parts:
    gcp, ref = _split(body, 2)
    _digits(gcp, ref, total=17)
    digits = ref[0] + gcp + ref[1:]
    return Parts("00", digits + check_digit(digits))


def _sgln(body: str, pattern: bool) -> Parts:
    gcp, ref, extension = _split(body, 3)
    digits = _digits(gcp, ref, total=12)
    return Parts("414", digits + check_digit(digits), serial=None if extension in ("0", "*") else extension)


def _pgln(body: str, pattern: bool) -> Parts:
    gcp, ref = _split(body, 2)
    digits = _digits(gcp, ref, total=12)
    return Parts("417", digits + check_digit(digits))


def _grai(body: str, pattern: bool) -> Parts:
    gcp, ref, serial = _split(body, 3)
    digits = _digits(gcp, ref, total=12)
    return Parts("8003", f"0{digits}{check_digit(digits)}{'' if pattern and serial == '*' else serial}")


def _giai(body: str, pattern: bool) -> Parts:
    gcp, ref = _split(body, 2)
    return Parts("8004", gcp + ref)


def _gsrn(body: str, pattern: bool) -> Parts:
    digits = _digits(*_split(body, 2), total=17)
    return Parts("8018", digits + check_digit(digits))


def _gsrnp(body: str, pattern: bool) -> Parts:
    digits = _digits(*_split(body, 2), total=17)
    return Parts("8017", digits + check_digit(digits))


def _ginc(body: str, pattern: bool) -> Parts:
    return Parts("401", "".join(_split(body, 2)))


def _gsin(body: str, pattern: bool) -> Parts:
    digits = _digits(*_split(body, 2), total=16)
    return Parts("402", digits + check_digit(digits))


def _gdti(body: str, pattern: bool) -> Parts:
    gcp, ref, serial = _split(body, 3)
    digits = _digits(gcp, ref, total=12)
    return Parts("253", f"{digits}{check_digit(digits)}{'' if serial == '*' else serial}")


def _itip(body: str, pattern: bool) -> Parts:
    gcp, ref, piece, total, serial = _split(body, 5)
    return Parts(
        "8006", f"{_gtin(gcp, ref)}{piece:0>2}{total:0>2}", serial=None if pattern and serial == "*" else serial
    )


def _cpi(body: str, pattern: bool) -> Parts:
    gcp, ref, serial = _split(body, 3)
    return Parts("8010", gcp + ref, serial=None if pattern and serial == "*" else serial)


def _upui(body: str, pattern: bool) -> Parts:
    gcp, ref, tpx = _split(body, 3)
    return Parts("01", _gtin(gcp, ref), serial=tpx)


_URN_READERS: dict[str, Callable[[str, bool], Parts]] = {
    "sgtin": _sgtin,
    "sscc": _sscc,
    "sgln": _sgln,
    "pgln": _pgln,
    "grai": _grai,
    "giai": _giai,
    "gsrn": _gsrn,
    "gsrnp": _gsrnp,
    "gdti": _gdti,
    "itip": _itip,
    "cpi": _cpi,
    "upui": _upui,
    "ginc": _ginc,
    "gsin": _gsin,
}


def write(key: Parts, prefix: str) -> str | None:
    """The EPC URN of a key under one company prefix; None where the prefix does not fit."""
    n = len(prefix)
    if key.ai == "01":
        gtin = key.value
        if not gtin[1:13].startswith(prefix):
            return None
        ref = f"{prefix}.{gtin[0]}{gtin[1 + n : 13]}"
        if key.serial is not None:
            return f"urn:epc:id:sgtin:{ref}.{_urn_part(key.serial)}"
        return f"urn:epc:class:lgtin:{ref}.{_urn_part(key.lot)}" if key.lot else f"urn:epc:idpat:sgtin:{ref}.*"
    if key.ai == "00":
        return (
            f"urn:epc:id:sscc:{prefix}.{key.value[0]}{key.value[1 + n : 17]}"
            if key.value[1:].startswith(prefix)
            else None
        )
    if key.ai == "8003" and key.value[1:].startswith(prefix):
        return f"urn:epc:id:grai:{prefix}.{key.value[1 + n : 13]}.{_urn_part(key.value[14:]) or '*'}"
    if key.ai == "8004" and key.value.startswith(prefix):
        return f"urn:epc:id:giai:{prefix}.{_urn_part(key.value[n:])}"
    return None


def _urn_part(text: str | None) -> str:
    return quote(text or "", safe="!'()*+,-.:;=_")
