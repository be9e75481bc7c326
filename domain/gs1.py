"""GS1 keys in their two written forms, EPC URN and Digital Link, as one value.

Source: GS1 Digital Link URI Syntax 1.4 §4; URNs are read in `epc_urn.py`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from domain.epc_urn import InvalidId, Parts, check_digit, company_prefix, is_urn, read, write

__all__ = ["CANONICAL_HOST", "InvalidId", "Key", "check_digit", "company_prefix", "encode", "parse", "serial_ai"]

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
_CANONICAL = f"{CANONICAL_HOST}/"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9!'()*+,\-.:=&_~$@/]*")
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9!'()*+,\-.:;=&_~$@]*")
_SAFE = "!'()*+,-.:;=&_~$@"
_KINDS = {"00": "container", "8003": "container", "8004": "container"}


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
            urn = write(Parts(self.ai, self.value, self.lot, self.serial), prefix)
            if urn is not None:
                yield urn


def serial_ai(ai: str) -> str:
    """The AI that carries the serial beside a primary key."""
    return {"8010": "8011", "414": "254"}.get(ai, "21")


def encode(text: str) -> str:
    """One path segment: only what a path cannot carry is percent-encoded; a letter and its mark are one sign (NFC).

    Nor does it carry a space at its end, or a mark that would join with the digit of an encoded sign.
    """
    if _PLAIN_SEGMENT.fullmatch(text):  # nearly all are
        return text
    signs = unicodedata.normalize("NFC", text)
    told = [c if c > "\x9f" else quote(c, safe=_SAFE) for c in signs]
    link = "".join(told)
    if link == link.rstrip() and unicodedata.is_normalized("NFC", link):
        return link
    words = len(signs.rstrip())
    for n, sign in enumerate(signs):
        if n >= words or (n and told[n - 1][0] == "%" and unicodedata.combining(sign)):
            told[n] = quote(sign, safe=_SAFE)
    return "".join(told)


@lru_cache(maxsize=65_536)
def parse(text: str) -> Key | None:
    """The GS1 key written as an EPC URN or a Digital Link; None if it is neither.

    A URN whose digits do not add up (real senders write them) is no key: it stays a URI of its own, equal only to
    itself. A GTIN or SSCC with a wrong check digit is refused (InvalidId): it would name another thing.
    """
    if is_urn(text):
        parts = read(text)
        return Key(*parts) if parts is not None else None
    if text[:4].lower() == "http":
        return _parse_link(text)
    return None


def _parse_link(text: str) -> Key | None:
    if text.startswith(_CANONICAL) and _PLAIN_PATH.fullmatch(text, len(_CANONICAL)):  # as we write nearly all
        segments = [s for s in text[len(_CANONICAL) :].split("/") if s]
    else:
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
        raise InvalidId(
            f"{value} has check digit {digits[-1]}, it should be {check_digit(digits[:-1])} (GS1 key AI {ai})"
        )
