"""Identifiers of items, places and parties: every GS1 form of one thing becomes one canonical id.

The canonical form of a GS1 key is its Digital Link on `https://id.gs1.org` with a 14-digit GTIN; percent-encoding is
undone and only what a URI path cannot carry is encoded again. Other ids are URIs of the sender's own, or
`urn:zhuisu:unit|lot|class:<issuer>:<product>[:<serial or lot>]` for the native `{issuer?, product, serial | lot}`.
Sources: GS1 Digital Link URI Syntax 1.4 §4; EPC Tag Data Standard 2.1 §6; CBV 2.0 §8.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Self
from urllib.parse import unquote

from domain import gs1
from domain.epc_urn import InvalidId as InvalidId
from domain.native_ids import NATIVE, class_of, fitting, is_wide, narrowed, segment

OWN_ISSUER = "own"
"""The issuer segment of an item whose number the tenant itself gave."""

MAX_ID_CHARS = 512
_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*):(\S+)$")
_UNBROKEN = re.compile(r"[^\x00-\x20\x7f]+")
"""Of what a native id is: numbers are kept as words, so the wide space of 批号　5 may stand in it."""


class _Identifier(str):
    """A canonical id. It is a str, so it prints, sorts and serialises as one.

    The two dunder hooks let pydantic validate fields of this type at the edge; the domain itself does not import it.
    """

    __slots__ = ()
    _json_schema: ClassVar[Mapping[str, Any]] = {"type": "string"}

    @classmethod
    def parse(cls, value: object, *, own_party: str | None = None) -> Self:
        """The canonical id of what was sent. Raises InvalidId."""
        raise NotImplementedError

    @classmethod
    def recorded(cls, text: str) -> Self:
        """As `parse`, of what stands in the log. Raises InvalidId."""
        return cls.parse(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        def validate(value: Any, info: Any) -> _Identifier:
            if type(value) is cls:
                return value
            if info.context is None and isinstance(value, str):  # nobody sends it: it is read from the log
                return cls.recorded(value)
            return cls.parse(value, own_party=(info.context or {}).get("own_party"))

        return {
            "type": "function-plain",
            "function": {"type": "with-info", "function": validate},
            "serialization": {"type": "str"},
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return dict(cls._json_schema)


class ItemId(_Identifier):
    """A unit, lot, class or container. `kind` is None for a private URI, whose kind its events tell."""

    __slots__ = ()
    _json_schema: ClassVar[Mapping[str, Any]] = {
        "anyOf": [
            {"type": "string", "format": "uri", "description": "a URI: EPC URN, GS1 Digital Link or your own"},
            {
                "type": "object",
                "properties": {k: {"type": "string"} for k in ("issuer", "product", "gtin", "serial", "lot")},
                "description": "native form: product (or gtin) with serial, lot, or neither; issuer defaults to you",
            },
        ]
    }

    @classmethod
    def parse(cls, value: object, *, own_party: str | None = None) -> Self:
        """From a URI or the native `{issuer?, product | gtin, serial | lot}`. Raises InvalidId."""
        if not isinstance(value, str) and isinstance(value, Mapping):
            text = _bounded(_native_item(value, own_party=own_party), what="item id")
            if cls.parse(text) != text:  # the log could not be read again
                raise InvalidId(f"{text[:60]} is not written alike twice: leave marks out that join with a sign before")
            return cls(text)
        return cls._of_text(value, most=MAX_ID_CHARS)

    @classmethod
    def recorded(cls, text: str) -> Self:
        """As `parse`, but of a unit of any length: ranges were taken whose serials are longer than an id may be now.

        What was taken although it is too wide for an index is read by a hash of what is too long in it.
        """
        if len(text) > MAX_ID_CHARS and (found := cls._of_text(text, most=len(text))).kind == "unit":
            return found
        if len(text) <= MAX_ID_CHARS and text.startswith(NATIVE) and is_wide(text):
            return cls(narrowed(text))
        return cls.parse(text)

    @classmethod
    def _of_text(cls, value: object, *, most: int) -> Self:
        text = _clean(value, what="item id", most=most)
        if text.startswith(NATIVE) and _UNBROKEN.fullmatch(text):  # canonical as it stands
            return cls(fitting(text) if len(text) <= MAX_ID_CHARS else text)
        key = gs1.parse(text)
        if key is not None:
            if key.lot is not None and key.serial is not None and key.lot_link is not None:
                _bounded(key.lot_link, what="lot in the link")
            return cls(_bounded(key.item_link, what="item id", most=most))
        if _URI.match(text):
            return cls(_private_uri(text))
        raise InvalidId(
            f'"{text[:60]}" names nothing by itself: send a URI, or {{"product": "…", "serial": "{text[:40]}"}} '
            f'(or "lot" in place of "serial")'
        )

    @property
    def kind(self) -> str | None:
        """`unit`, `lot`, `class`, `container`, or None where only its events can tell (a private URI)."""
        return _kind_of(self)

    @property
    def material(self) -> str | None:
        """The class it belongs to, read from the id: the GTIN's link or the native product; None if not in the id."""
        if self.startswith(NATIVE):
            return class_of(self)
        key = gs1.parse(self)
        return key.class_link if key is not None else None


class PlaceId(_Identifier):
    """A site, line-side location or address: GS1 GLN forms are one id, anything else is kept as sent."""

    __slots__ = ()
    _json_schema: ClassVar[Mapping[str, Any]] = {
        "type": "string",
        "description": "a GLN (URN or Digital Link) or your own name of the place",
    }

    @classmethod
    def parse(cls, value: object, *, own_party: str | None = None) -> Self:
        text = _clean(value, what="place")
        key = gs1.parse(text)
        return cls(_bounded(key.link, what="place") if key is not None else text)

    @property
    def site(self) -> str:
        """The place without its GLN extension (AI 254): dock and line of one GLN are one site."""
        return self.split("/254/", 1)[0] if self.startswith(gs1.CANONICAL_HOST) else str(self)


class PartyId(_Identifier):
    """An organisation, or a pseudonymous holder: PGLN/GLN forms are one id, anything else is kept as sent."""

    __slots__ = ()
    _json_schema: ClassVar[Mapping[str, Any]] = {
        "type": "string",
        "description": "a party: PGLN, 统一社会信用代码 or your own id",
    }

    @classmethod
    def parse(cls, value: object, *, own_party: str | None = None) -> Self:
        text = _clean(value, what="party")
        key = gs1.parse(text)
        return cls(_bounded(key.link, what="party") if key is not None else text)


def lot_in_link(value: object) -> ItemId | None:
    """The lot that a Digital Link names beside a serial (`/01/…/10/LOT/21/SERIAL`), else None."""
    key = gs1.parse(value) if isinstance(value, str) else None
    return ItemId(key.lot_link) if key is not None and key.serial is not None and key.lot_link else None


def lot_of_product(material: str, lot: str) -> ItemId:
    """The lot of a class: `…/01/<gtin>` + lot, or the native class + lot. Raises InvalidId for other classes."""
    if material.startswith(NATIVE + "class:"):
        return ItemId(f"{NATIVE}lot:{material[len(NATIVE) + 6 :]}:{segment(lot)}")
    key = gs1.parse(material)
    if key is None or key.class_link is None:
        raise InvalidId(f"{material} is not a class that has lots")
    return ItemId(f"{key.class_link}/10/{gs1.encode(lot)}")


def other_levels(lot: str) -> list[ItemId]:
    """The lots of that number at other packaging levels: GTINs that differ in the indicator digit alone."""
    key = gs1.parse(lot)
    if key is None or key.ai != "01" or key.lot is None or key.serial is not None:
        return []
    bodies = (f"{level}{key.value[1:13]}" for level in range(10) if str(level) != key.value[0])
    return [lot_of_product(f"{gs1.CANONICAL_HOST}/01/{body}{gs1.check_digit(body)}", key.lot) for body in bodies]


def at_any_level(lot: str) -> str | None:
    """What `other_levels` of a lot have in common: the GTIN without indicator and check digit, and the number."""
    key = gs1.parse(lot)
    if key is None or key.ai != "01" or key.lot is None or key.serial is not None:
        return None
    return f"{key.value[1:13]}/10/{gs1.encode(key.lot)}"


def unit_of_product(material: str, serial: str) -> ItemId:
    """The unit of a class with that serial, written as it is read again. Raises InvalidId for what is no class."""
    if material.startswith(NATIVE + "class:"):
        text = f"{NATIVE}unit:{material[len(NATIVE) + 6 :]}:{segment(serial)}"
        return ItemId(text if text.isascii() else unicodedata.normalize("NFC", text))
    key = gs1.parse(material)
    if key is None or key.class_link is None:
        raise InvalidId(f"{material} is not a product with serials")
    return ItemId(f"{key.class_link}/{gs1.serial_ai(key.ai)}/{gs1.encode(serial)}")


def lot_of_supplier(lot: str, *, supplier: str, material: str | None) -> ItemId:
    """A supplier's own lot number as an item: theirs, of that product; never mixed up with another supplier's."""
    key = gs1.parse(material) if material else None
    if key is not None and key.class_link and len(theirs := lot_of_product(key.class_link, lot)) <= MAX_ID_CHARS:
        return theirs
    product = material.rsplit(":", 1)[1] if material else "-"
    return _lot_made_up(segment(supplier), product, segment(lot))


def drawn_from(vessel: str, number: str) -> ItemId:
    """The lot that is what came out of a vessel in one act, where the sender gave it no id."""
    return _lot_made_up(OWN_ISSUER, segment(f"vessel/{vessel}".strip()), segment(number.strip() or number))


def class_of_supplier(supplier: str, product: str) -> str:
    """The native id of a supplier's own product number; what all of theirs begin with where `product` is empty."""
    return f"{NATIVE}class:{segment(supplier)}:{segment(product)}"


def serial_of(item: str) -> str | None:
    """The serial of a unit, decoded; None for what has none."""
    if item.startswith(NATIVE + "unit:"):
        return unquote(item.rsplit(":", 1)[1])
    key = gs1.parse(item)
    return key.serial if key is not None else None


def number_of(item: ItemId) -> str | None:
    """The serial or lot number, decoded; else what the id ends with."""
    number = serial_of(item)
    if number is None and item.kind == "lot":
        number = unquote(item.rsplit("/10/", 1)[-1] if "/10/" in item else item.rsplit(":", 1)[-1])
    return number if number is not None else re.split("[/:]", item)[-1] or None


def issuer_of(item: str) -> str | None:
    """Who gave a native id its number; None for other ids, which do not show it."""
    return unquote(item.split(":")[3]) if item.startswith(NATIVE) else None


def equivalents(item: str, company_prefixes: Iterable[str]) -> list[str]:
    """Every form of the id, the canonical first, then EPC URNs for each company prefix known to fit its digits."""
    key = gs1.parse(item)
    return [item] if key is None else [item, *sorted(set(key.urns(company_prefixes)))]


def company_prefix(text: object) -> str | None:
    """The GS1 company prefix that an EPC URN shows, else None (a Digital Link does not show it)."""
    return gs1.company_prefix(text) if isinstance(text, str) else None


@lru_cache(maxsize=65_536)
def _kind_of(item: str) -> str | None:
    if item.startswith(NATIVE):
        word = item[len(NATIVE) :].split(":", 1)[0]
        return word if word in ("unit", "lot", "class") else None
    key = gs1.parse(item)
    return key.kind if key is not None else None


def _clean(value: object, *, what: str, most: int = MAX_ID_CHARS) -> str:
    if not isinstance(value, str):
        raise InvalidId(f"{what}: expected text, got {type(value).__name__}")
    text = value.strip()
    plain = text.isascii() and text.isprintable()  # nearly all are, and then nothing below can change or refuse it
    if not plain:
        text = unicodedata.normalize("NFC", text)
    if not text:
        raise InvalidId(f"{what} is empty")
    _bounded(text, what=what, most=most)
    if not plain and any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise InvalidId(f"{what} contains control characters")
    return text


def _bounded(text: str, *, what: str, most: int = MAX_ID_CHARS) -> str:
    """The id, which is no longer than is taken: put together or encoded it may be longer than what was sent."""
    if len(text) > most:
        raise InvalidId(f"{what} has {len(text)} characters, at most {most} are taken")
    return text


def _lot_made_up(*segments: str) -> ItemId:
    """A lot that an event names without an id: none is refused here, since the event is in the log.

    What is too long for an id is told by its hash.
    """
    text = unicodedata.normalize("NFC", f"{NATIVE}lot:{':'.join(segments)}").strip()
    if len(text) > MAX_ID_CHARS or is_wide(text):
        digest = hashlib.sha256(text.encode()).hexdigest()
        text = f"{NATIVE}lot:{OWN_ISSUER}:sha256:{digest}"
    return ItemId(text)


def _private_uri(text: str) -> str:
    scheme, rest = text.split(":", 1)
    scheme = scheme.lower()
    if scheme == "urn" and ":" in rest:
        nid, nss = rest.split(":", 1)
        return f"urn:{nid.lower()}:{nss}"
    if scheme in ("http", "https") and rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        return f"{scheme}://{host.lower()}{slash}{path}"
    return f"{scheme}:{rest}"


def _native_item(value: Mapping[Any, Any], *, own_party: str | None) -> str:
    allowed = {"issuer", "product", "gtin", "serial", "lot"}
    unknown = sorted(str(k) for k in value if k not in allowed)
    if unknown:
        raise InvalidId(f"item has unknown field {unknown[0]!r}: it takes issuer, product or gtin, and serial or lot")
    parts = {k: _clean(v, what=f"item.{k}") for k, v in value.items() if v is not None}
    if ("product" in parts) == ("gtin" in parts):
        raise InvalidId("item needs product or gtin (one of them)")
    if "serial" in parts and "lot" in parts:
        raise InvalidId("item has serial and lot: name the unit by its serial and put its lot in the event's field lot")
    product = parts.get("gtin") or parts["product"]
    key = gs1.parse(f"{gs1.CANONICAL_HOST}/01/{product}" if "gtin" in parts else product)
    if key is not None and key.class_link is not None:
        tail = f"/21/{gs1.encode(parts['serial'])}" if "serial" in parts else ""
        tail = tail or (f"/10/{gs1.encode(parts['lot'])}" if "lot" in parts else "")
        return key.class_link + tail
    if "gtin" in parts:
        raise InvalidId(f"gtin {product!r} is not 8, 12, 13 or 14 digits")
    word = "unit" if "serial" in parts else "lot" if "lot" in parts else "class"
    number = parts.get("serial") or parts.get("lot")
    segments = [_issuer(parts.get("issuer"), own_party), product, *([number] if number else [])]
    return f"{NATIVE}{word}:" + ":".join(segment(s) for s in segments)


@lru_cache(maxsize=4_096)
def _issuer(named: str | None, own_party: str | None) -> str:
    """Who gave the number, as a party id; `own` where it is the tenant itself, named or not."""
    if named is None:
        return OWN_ISSUER
    issuer = PartyId.parse(named)
    own = own_party is not None and issuer == PartyId.parse(own_party)
    return OWN_ISSUER if own else str(issuer)
