"""GS1 keys in their two written forms, EPC URN and Digital Link, as one value.

Sources: EPC Tag Data Standard 2.1 §6.3 (URN), GS1 Digital Link URI Syntax 1.4 §4, GS1 General Specifications §7.9
(check digit).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

CANONICAL_HOST = "https://id.gs1.org"

_ALIASES = {"gtin": "01", "lot": "10", "ser": "21", "sscc": "00", "gln": "414", "party": "417", "grai": "8003"}
_ALIASES |= {"giai": "8004", "itip": "8006", "cpid": "8010", "cpsn": "8011", "glnx": "254", "gdti": "253"}
_KEYS = {
    "00": re.compile(r"\d{18}"),
    "01": re.compile(r"\d{8}|\d{12,14}"),
    "253": re.compile(r"\d{13}.{0,17}"),
    "255": re.compile(r"\d{13}\d{0,12}"),
    "401": re.compile(r".{1,30}"),
    "402": re.compile(r"\d{17}"),
    "414": re.compile(r"\d{13}"),
    "417": re.compile(r"\d{13}"),
    "8003": re.compile(r"\d{14}.{0,16}"),
    "8004": re.compile(r".{1,30}"),
    "8006": re.compile(r"\d{18}"),
    "8010": re.compile(r".{1,30}"),
    "8017": re.compile(r"\d{18}"),
    "8018": re.compile(r"\d{18}"),
}
_QUALIFIERS = {"01": ("22", "10", "21", "235"), "8006": ("22", "10", "21"), "414": ("254", "7040"), "8010": ("8011",)}
_KINDS = {"00": "container", "8003": "container", "8004": "container"}
_URN = re.compile(r"^urn:epc:(id|idpat|class):([a-z]+):(.+)$", re.IGNORECASE)


class InvalidKey(ValueError):
    """A GS1 key that is written wrongly; the message names the part and the fix."""


@dataclass(frozen=True, slots=True)
class Key:
    """One GS1 key: primary AI and value, with the lot and serial beside it (decoded)."""

    ai: str
    value: str
    lot: str | None = None
    serial: str | None = None

    @property
    def link(self) -> str:
        """The canonical Digital Link, with serial (or lot where there is no serial)."""
        base = f"{CANONICAL_HOST}/{self.ai}/{encode(self.value)}"
        if self.serial is not None:
            return f"{base}/{serial_ai(self.ai)}/{encode(self.serial)}"
        return f"{base}/10/{encode(self.lot)}" if self.lot is not None else base

    @property
    def item_link(self) -> str:
        return self.link

    @property
    def class_link(self) -> str | None:
        return f"{CANONICAL_HOST}/{self.ai}/{self.value}" if self.ai in ("01", "8006", "8010") else None

    @property
    def lot_link(self) -> str | None:
        return f"{self.class_link}/10/{encode(self.lot)}" if self.lot is not None and self.class_link else None

    @property
    def kind(self) -> str:
        if self.ai in _KINDS:
            return "class" if self.ai == "8003" and len(self.value) == 14 else _KINDS[self.ai]
        if self.ai in ("01", "8006", "8010"):
            return "unit" if self.serial is not None else "lot" if self.lot is not None else "class"
        return "unit"

    def urns(self, company_prefixes: Iterable[str]) -> Iterator[str]:
        """The EPC URNs of this key for the company prefixes that its digits begin with."""
        for prefix in company_prefixes:
            urn = _urn(self, prefix)
            if urn is not None:
                yield urn


def serial_ai(ai: str) -> str:
    """The AI that carries the serial beside a primary key."""
    return {"8010": "8011", "414": "254"}.get(ai, "21")


def encode(text: str) -> str:
    """One path segment: only what a path cannot carry is percent-encoded."""
    return "".join(c if not c.isascii() else quote(c, safe="!'()*+,-.:;=&_~$@") for c in text)


def check_digit(digits: str) -> str:
    """The GS1 mod-10 check digit of the digits before it."""
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


@lru_cache(maxsize=65_536)
def parse(text: str) -> Key | None:
    """The GS1 key written as an EPC URN or a Digital Link; None if it is neither.

    A URN whose digits do not add up (real senders write them) is no key: it stays a URI of its own, equal only to
    itself. A GTIN or SSCC with a wrong check digit is refused (InvalidKey): it would name another thing.
    """
    match = _URN.match(text)
    if match:
        try:
            return _parse_urn(match[1].lower(), match[2].lower(), match[3])
        except InvalidKey:
            return None
    if text[:4].lower() == "http":
        return _parse_link(text)
    return None


def company_prefix(text: str) -> str | None:
    """The company prefix shown by an EPC URN, else None."""
    match = _URN.match(text)
    prefix = match[3].split(".", 1)[0] if match else ""
    return prefix if prefix.isdigit() else None


def _parse_link(text: str) -> Key | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    segments = [unquote(s) for s in parts.path.split("/") if s]
    for start in range(len(segments) - 1):
        ai = _ALIASES.get(segments[start], segments[start])
        if ai in _KEYS and _KEYS[ai].fullmatch(segments[start + 1]):
            return _link_key(ai, segments[start + 1], segments[start + 2 :])
    return None


def _link_key(ai: str, value: str, rest: list[str]) -> Key | None:
    if len(rest) % 2:
        return None
    found: dict[str, str] = {}
    for i in range(0, len(rest), 2):
        qualifier = _ALIASES.get(rest[i], rest[i])
        if qualifier not in _QUALIFIERS.get(ai, ()):
            return None
        found[qualifier] = rest[i + 1]
    if ai == "01":
        value = value.zfill(14)
    _verify(ai, value)
    serial = found.get("21") or found.get("235") or found.get("8011") or found.get("254")
    return Key(ai, value, lot=found.get("10"), serial=serial)


def _verify(ai: str, value: str) -> None:
    # GRAI, GLN and the rest are taken as sent: published documents carry wrong digits there.
    digits = value if ai in ("00", "01") else ""
    if digits and digits[-1] != check_digit(digits[:-1]):
        raise InvalidKey(
            f"{value} has check digit {digits[-1]}, it should be {check_digit(digits[:-1])} (GS1 key AI {ai})"
        )


def _parse_urn(form: str, scheme: str, body: str) -> Key:
    parts = [unquote(p) for p in body.split(".")]
    try:
        if form == "class":
            parts = [unquote(p) for p in body.split(".", 2)]
            gcp, ref, lot = parts
            if scheme != "lgtin":
                raise InvalidKey(f"urn:epc:class:{scheme} is not known: use urn:epc:class:lgtin")
            return Key("01", _gtin(gcp, ref), lot=lot)
        return _URN_READERS[scheme](body, form == "idpat")
    except KeyError:
        raise InvalidKey(f"urn:epc:{form}:{scheme} is not an EPC scheme that names an item, place or party") from None
    except (ValueError, IndexError) as error:
        if isinstance(error, InvalidKey):
            raise
        raise InvalidKey(f"urn:epc:{form}:{scheme}:{body} has not the parts that {scheme} needs") from error


def _digits(*parts: str, total: int) -> str:
    joined = "".join(parts)
    if not joined.isdigit() or len(joined) != total or not 6 <= len(parts[0]) <= 12:
        raise InvalidKey(f"{'.'.join(parts)}: company prefix and reference must be {total} digits together")
    return joined


def _gtin(gcp: str, ref: str) -> str:
    _digits(gcp, ref, total=13)
    body = ref[0] + gcp + ref[1:]
    return body + check_digit(body)


def _split(body: str, count: int) -> list[str]:
    parts = [unquote(p) for p in body.split(".", count - 1)]
    if len(parts) != count:
        raise InvalidKey(f"{body}: expected {count} parts separated by dots")
    return parts


def _sgtin(body: str, pattern: bool) -> Key:
    gcp, ref, serial = _split(body, 3)
    return Key("01", _gtin(gcp, ref), serial=None if pattern and serial == "*" else serial)


def _sscc(body: str, pattern: bool) -> Key:
    gcp, ref = _split(body, 2)
    _digits(gcp, ref, total=17)
    digits = ref[0] + gcp + ref[1:]
    return Key("00", digits + check_digit(digits))


def _sgln(body: str, pattern: bool) -> Key:
    gcp, ref, extension = _split(body, 3)
    digits = _digits(gcp, ref, total=12)
    return Key("414", digits + check_digit(digits), serial=None if extension in ("0", "*") else extension)


def _pgln(body: str, pattern: bool) -> Key:
    gcp, ref = _split(body, 2)
    digits = _digits(gcp, ref, total=12)
    return Key("417", digits + check_digit(digits))


def _grai(body: str, pattern: bool) -> Key:
    gcp, ref, serial = _split(body, 3)
    digits = _digits(gcp, ref, total=12)
    return Key("8003", f"0{digits}{check_digit(digits)}{'' if pattern and serial == '*' else serial}")


def _giai(body: str, pattern: bool) -> Key:
    gcp, ref = _split(body, 2)
    return Key("8004", gcp + ref)


def _gsrn(body: str, pattern: bool) -> Key:
    digits = _digits(*_split(body, 2), total=17)
    return Key("8018", digits + check_digit(digits))


def _gsrnp(body: str, pattern: bool) -> Key:
    digits = _digits(*_split(body, 2), total=17)
    return Key("8017", digits + check_digit(digits))


def _ginc(body: str, pattern: bool) -> Key:
    return Key("401", "".join(_split(body, 2)))


def _gsin(body: str, pattern: bool) -> Key:
    digits = _digits(*_split(body, 2), total=16)
    return Key("402", digits + check_digit(digits))


def _gdti(body: str, pattern: bool) -> Key:
    gcp, ref, serial = _split(body, 3)
    digits = _digits(gcp, ref, total=12)
    return Key("253", f"{digits}{check_digit(digits)}{'' if serial == '*' else serial}")


def _itip(body: str, pattern: bool) -> Key:
    gcp, ref, piece, total, serial = _split(body, 5)
    return Key("8006", f"{_gtin(gcp, ref)}{piece:0>2}{total:0>2}", serial=None if pattern and serial == "*" else serial)


def _cpi(body: str, pattern: bool) -> Key:
    gcp, ref, serial = _split(body, 3)
    return Key("8010", gcp + ref, serial=None if pattern and serial == "*" else serial)


def _upui(body: str, pattern: bool) -> Key:
    gcp, ref, tpx = _split(body, 3)
    return Key("01", _gtin(gcp, ref), serial=tpx)


_URN_READERS: dict[str, Callable[[str, bool], Key]] = {
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


def _urn(key: Key, prefix: str) -> str | None:
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
