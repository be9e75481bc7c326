"""What a case says is affected: a rule that people read and compose (docs/recall.md 'The scope rule').

A leaf names seeds; what they went into, traced forward, are its members. `any`, `all` and `except` combine sets of
members. A wrong "not affected" hurts people: where one is sure and the other is not, what is possible stays in.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeVar

from domain.events.common import SerialRange
from domain.ids import InvalidId, ItemId, PartyId
from domain.moments import InvalidMoment, Moment, zone_of
from domain.walk import Mode

T = TypeVar("T")

LEAVES_MAX, DEPTH_MAX, NAMED_MAX = 100, 20, 100_000
"""What one rule may hold: leaves, levels, and ids or lots in all its lists."""
PRODUCTION_DATE = "plant_local_production_date"


class InvalidRule(ValueError):
    """A rule that says nothing, or nothing clear; the message names the member and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What all leaves have in common: whether what the seeds went into is affected too, in which mode, as of when."""

    follow: Literal["forward", "none"] = "forward"
    mode: Mode = Mode.EVER
    at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Items(Walked):
    """Items or lots by their ids; `name` is the member that they stood in."""

    name: Literal["items", "lots"]
    ids: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierLots(Walked):
    """Lots by the numbers that their supplier gave them."""

    supplier: PartyId
    lots: tuple[str, ...]
    material: ItemId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Production days, both included: a day begins at `day_starts`, at the plant.

    The plant's offset is the one its events are written in, unless `zone` gives it.
    """

    first: date
    last: date
    day_starts: time
    zone: str | None = None
    basis: str = PRODUCTION_DATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Walked):
    """A product: all of it, a range of its serials, or what was made on some days."""

    product: ItemId
    serials: SerialRange | None = None
    made: Made | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied(Walked):
    """Everything a supplier delivered, or of one material, in a time window."""

    supplier: PartyId
    material: ItemId | None = None
    since: Moment | None = None
    until: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed(Walked):
    """What was exposed to a circumstance: `asked` is the body of POST /v1/exposures."""

    asked: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedComponentLots(Walked):
    """The lots of a component from which at least `shared_by` of the failed items came."""

    items: tuple[ItemId, ...]
    material: ItemId
    shared_by: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection(Walked):
    """What was inspected with a result in a range (both ends included), or with a verdict."""

    characteristic: str
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    verdict: str | None = None
    since: Moment | None = None
    until: Moment | None = None


Leaf = Items | SupplierLots | Product | Supplied | Exposed | FailedComponentLots | Inspection


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Affected by at least one."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Affected by every one."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Except:
    """Affected by the first, and not certainly by the second."""

    rule: "Rule"
    but: "Rule"


Rule = Leaf | AnyOf | AllOf | Except


def leaves_of(rule: Rule) -> Iterator[Leaf]:
    """Every leaf, as they are written."""
    match rule:
        case AnyOf(rules) | AllOf(rules):
            for one in rules:
                yield from leaves_of(one)
        case Except(one, but):
            yield from leaves_of(one)
            yield from leaves_of(but)
        case _:
            yield rule


@dataclass(frozen=True, slots=True)
class Reading:
    """How ids and times without an issuer or offset are read: the tenant's party, and its zone."""

    own_party: str | None = None
    zone: str | None = None


def parse_rule(document: object, *, own_party: str | None = None, zone: str | None = None) -> Rule:
    """The rule that a JSON document writes. Raises InvalidRule."""
    rule = _rule(document, "rule", reading=Reading(own_party, zone), depth=0)
    leaves = list(leaves_of(rule))
    if len(leaves) > LEAVES_MAX:
        raise InvalidRule(f"rule: {len(leaves)} leaves, at most {LEAVES_MAX}: list more items in one leaf")
    named = sum(len(leaf.ids) if isinstance(leaf, Items) else len(getattr(leaf, "lots", ())) for leaf in leaves)
    if named > NAMED_MAX:
        raise InvalidRule(f"rule: names {named} items, at most {NAMED_MAX}: name their lots, or a range of serials")
    return rule


def _rule(document: object, path: str, *, reading: Reading, depth: int) -> Rule:
    if not isinstance(document, Mapping):
        raise InvalidRule(f'{path}: send an object, e.g. {{"lots": [...]}} or {{"any": [...]}}')
    if depth > DEPTH_MAX:
        raise InvalidRule(f"{path}: rules in rules, deeper than {DEPTH_MAX}: write it flatter")
    for name in ("any", "all", "except"):
        if name in document:
            if len(document) > 1:
                raise InvalidRule(f"{path}.{name}: stands alone: put the other members into rules of their own")
            inner = document[name]
            if not isinstance(inner, list) or not inner or (name == "except" and len(inner) != 2):
                wanted = "two rules: what is affected, and what of it is not" if name == "except" else "a list of rules"
                raise InvalidRule(f"{path}.{name}: send {wanted}")
            rules = tuple(
                _rule(one, f"{path}.{name}.{n}", reading=reading, depth=depth + 1) for n, one in enumerate(inner)
            )
            return Except(*rules) if name == "except" else AnyOf(rules) if name == "any" else AllOf(rules)
    return _leaf(document, path, reading=reading)


def _leaf(document: Mapping[str, Any], path: str, *, reading: Reading) -> Leaf:
    fields = _Fields(document, path, reading)
    common = fields.walked()
    if "items" in document and "failed_component_lots" not in document:
        leaf: Leaf = Items(name="items", ids=fields.items("items"), **common)
    elif "lots" in document:
        leaf = Items(name="lots", ids=fields.items("lots"), **common)
        if wrong := next((i for i in leaf.ids if i.kind not in ("lot", None)), None):
            raise InvalidRule(f"{path}.lots: {wrong} is a {wrong.kind}, not a lot: put it into items")
    elif "supplier_lots" in document:
        inner = fields.inner("supplier_lots")
        leaf = SupplierLots(
            supplier=inner.party("supplier"), lots=inner.texts("lots"), material=inner.product("material"), **common
        )
        inner.done()
    elif "product" in document:
        leaf = _product(fields, common)
    elif "exposure" in document:
        asked = document["exposure"]
        fields.used.add("exposure")
        if not isinstance(asked, Mapping) or not asked:
            raise InvalidRule(f"{path}.exposure: send what POST /v1/exposures takes")
        leaf = Exposed(asked=asked, **common)
    elif "failed_component_lots" in document:
        inner = fields.inner("failed_component_lots")
        material = inner.product("material")
        if material is None:
            raise InvalidRule(f"{path}.failed_component_lots.material: is missing: which component failed?")
        leaf = FailedComponentLots(
            items=inner.items("items"), material=material, shared_by=inner.count("shared_by"), **common
        )
        inner.done()
    elif "inspection" in document:
        leaf = _inspection(fields.inner("inspection"), common)
    elif "supplier" in document:
        leaf = Supplied(
            supplier=fields.party("supplier"),
            material=fields.product("material"),
            since=fields.moment("since"),
            until=fields.moment("until"),
            **common,
        )
        _window(path, leaf.since, leaf.until)
    else:
        raise InvalidRule(
            f"{path}: says nothing that is known: use any, all, except, items, lots, supplier_lots, product, supplier, "
            "exposure, failed_component_lots or inspection"
        )
    fields.done()
    return leaf


def _product(fields: "_Fields", common: dict[str, Any]) -> Product:
    product = fields.product("product")
    assert product is not None
    serials = made = None
    if "serials" in fields.document and "made" in fields.document:
        raise InvalidRule(f"{fields.path}: serials and made are two rules: write all of them, or any of them")
    if "serials" in fields.document:
        inner = fields.inner("serials")
        named: dict[str, Any] = {name: inner.value(name) for name in inner.document}
        named["exclude"] = tuple(named.get("exclude") or ()) or None
        try:
            serials = SerialRange(product=product, **named)
            serials.count  # noqa: B018 - reads the range: it must be one
        except (TypeError, ValueError) as error:
            raise InvalidRule(f"{inner.path}: {error}") from error
    if "made" in fields.document:
        inner = fields.inner("made")
        made = Made(
            first=inner.day("from"),
            last=inner.day("until"),
            day_starts=inner.time_of_day("day_starts"),
            zone=inner.zone("zone"),
            basis=str(inner.value("basis") or PRODUCTION_DATE),
        )
        inner.done()
        if made.basis != PRODUCTION_DATE:
            raise InvalidRule(f"{inner.path}.basis: {made.basis} is not known: it takes {PRODUCTION_DATE}")
        if made.last < made.first:
            raise InvalidRule(f"{inner.path}.until: is before from: both days are included")
    return Product(product=product, serials=serials, made=made, **common)


def _inspection(inner: "_Fields", common: dict[str, Any]) -> Inspection:
    leaf = Inspection(
        characteristic=inner.text("characteristic"),
        at_least=inner.number("at_least"),
        at_most=inner.number("at_most"),
        verdict=inner.optional("verdict"),
        since=inner.moment("since"),
        until=inner.moment("until"),
        **common,
    )
    inner.done()
    if leaf.at_least is None and leaf.at_most is None and leaf.verdict is None:
        raise InvalidRule(f"{inner.path}: give at_least, at_most or verdict: which results are affected?")
    if leaf.at_least is not None and leaf.at_most is not None and leaf.at_least > leaf.at_most:
        raise InvalidRule(f"{inner.path}: at_least is above at_most: no value is between them")
    _window(inner.path, leaf.since, leaf.until)
    return leaf


def _window(path: str, since: Moment | None, until: Moment | None) -> None:
    if since is not None and until is not None and since.earliest_us >= until.latest_us:
        raise InvalidRule(f"{path}.until: the window ends before it begins")


class _Fields:
    """The members of one object, each read once; what is left over is refused."""

    def __init__(self, document: Mapping[str, Any], path: str, reading: Reading) -> None:
        self.document, self.path, self.reading = document, path, reading
        self.used: set[str] = set()

    def done(self) -> None:
        left = sorted(set(self.document) - self.used)
        if left:
            raise InvalidRule(f"{self.path}.{left[0]}: is not known here: it takes {', '.join(sorted(self.used))}")

    def value(self, name: str) -> Any:
        self.used.add(name)
        return self.document.get(name)

    def inner(self, name: str) -> "_Fields":
        value = self.value(name)
        if not isinstance(value, Mapping):
            raise InvalidRule(f"{self.path}.{name}: send an object")
        return _Fields(value, f"{self.path}.{name}", self.reading)

    def walked(self) -> dict[str, Any]:
        follow, mode = self.value("follow") or "forward", self.value("mode") or "ever"
        if follow not in ("forward", "none"):
            raise InvalidRule(f"{self.path}.follow: {follow} is not known: it takes forward or none")
        if mode not in list(Mode):
            raise InvalidRule(f"{self.path}.mode: {mode} is none of {', '.join(Mode)}")
        return {"follow": follow, "mode": Mode(mode), "at": self.moment("at")}

    def _read(self, name: str, parse: Callable[[Any], T]) -> T:
        value = self.value(name)
        try:
            return parse(value)
        except (InvalidId, InvalidMoment, InvalidOperation, ValueError, TypeError) as error:
            raise InvalidRule(f"{self.path}.{name}: {error}") from error

    def optional(self, name: str) -> str | None:
        value = self.value(name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise InvalidRule(f"{self.path}.{name}: send a text")
        return value.strip() if value is not None else None

    def text(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            raise InvalidRule(f"{self.path}.{name}: is missing")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and v.strip() for v in value):
            raise InvalidRule(f"{self.path}.{name}: send a list of texts, at least one")
        return tuple(dict.fromkeys(v.strip() for v in value))

    def items(self, name: str) -> tuple[ItemId, ...]:
        value = self.value(name)
        if not isinstance(value, list) or not value:
            raise InvalidRule(f"{self.path}.{name}: send a list of ids, at least one")
        found = [self._item(one, f"{self.path}.{name}.{n}") for n, one in enumerate(value)]
        return tuple(dict.fromkeys(found))

    def _item(self, value: Any, path: str) -> ItemId:
        try:
            return ItemId.parse(value, own_party=self.reading.own_party)
        except InvalidId as error:
            raise InvalidRule(f"{path}: {error}") from error

    def product(self, name: str) -> ItemId | None:
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, str) and ":" not in value:
            key = "gtin" if value.isdigit() and len(value) in (8, 12, 13, 14) else "product"
            value = {key: value}
        item = self._item(value, f"{self.path}.{name}")
        if item.kind not in ("class", None):
            raise InvalidRule(f"{self.path}.{name}: {item} is a {item.kind}, not a product")
        return item

    def party(self, name: str) -> PartyId:
        return self._read(name, lambda v: PartyId.parse(v))

    def moment(self, name: str) -> Moment | None:
        return self._read(name, lambda v: None if v is None else Moment.parse(v, zone=self.reading.zone))

    def number(self, name: str) -> Decimal | None:
        def parse(value: Any) -> Decimal | None:
            if value is None:
                return None
            number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
            if not number.is_finite():
                raise ValueError(f"{str(value)[:40]} is not a number")
            return number

        return self._read(name, parse)

    def count(self, name: str) -> int:
        value = self.value(name)
        if value is None:
            return 1
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidRule(f"{self.path}.{name}: send a number, 1 or more")
        return value

    def day(self, name: str) -> date:
        return self._read(name, lambda v: date.fromisoformat(v if isinstance(v, str) else "a date, e.g. 2026-03-01"))

    def time_of_day(self, name: str) -> time:
        def parse(value: Any) -> time:
            if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
                raise ValueError("say when the production day starts, e.g. 06:00")
            return time.fromisoformat(value)

        return self._read(name, parse)

    def zone(self, name: str) -> str | None:
        def parse(value: Any) -> str | None:
            if value is not None:
                zone_of(value)
            return None if value is None else str(value)

        return self._read(name, parse)


# From a rule back to JSON


def document_of(rule: Rule) -> dict[str, Any]:
    """The rule as JSON with canonical ids: read again, it is the same rule whoever reads it."""
    match rule:
        case AnyOf(rules):
            return {"any": [document_of(r) for r in rules]}
        case AllOf(rules):
            return {"all": [document_of(r) for r in rules]}
        case Except(one, but):
            return {"except": [document_of(one), document_of(but)]}
        case _:
            return {**_document_of_leaf(rule), **_document_of_walk(rule)}


def _document_of_walk(leaf: Walked) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if leaf.follow != "forward":
        told["follow"] = leaf.follow
    if leaf.mode is not Mode.EVER:
        told["mode"] = str(leaf.mode)
    return told | _told(at=leaf.at)


def _document_of_leaf(leaf: Leaf) -> dict[str, Any]:
    match leaf:
        case Items():
            return {leaf.name: [str(i) for i in leaf.ids]}
        case SupplierLots():
            named = {"supplier": str(leaf.supplier), "lots": list(leaf.lots), **_told(material=leaf.material)}
            return {"supplier_lots": named}
        case Product(serials=serials, made=made):
            told: dict[str, Any] = {"product": str(leaf.product)}
            if serials is not None:
                names = ("first", "last", "alphabet", "width", "step", "check")
                told["serials"] = {n: v for n in names if (v := getattr(serials, n)) is not None}
                if serials.exclude:
                    told["serials"]["exclude"] = list(serials.exclude)
            if made is not None:
                days = {"from": made.first.isoformat(), "until": made.last.isoformat(), "basis": made.basis}
                told["made"] = days | {"day_starts": made.day_starts.isoformat("minutes")} | _told(zone=made.zone)
            return told
        case Supplied():
            window = _told(material=leaf.material, since=leaf.since, until=leaf.until)
            return {"supplier": str(leaf.supplier), **window}
        case Exposed():
            return {"exposure": dict(leaf.asked)}
        case FailedComponentLots():
            failed = {"items": [str(i) for i in leaf.items], "material": str(leaf.material)}
            return {"failed_component_lots": failed | ({"shared_by": leaf.shared_by} if leaf.shared_by > 1 else {})}
        case Inspection():
            limits = {n: format(v, "f") for n in ("at_least", "at_most") if (v := getattr(leaf, n)) is not None}
            window = _told(verdict=leaf.verdict, since=leaf.since, until=leaf.until)
            return {"inspection": {"characteristic": leaf.characteristic, **limits, **window}}


def _told(**members: Any) -> dict[str, Any]:
    return {n: v.text if isinstance(v, Moment) else str(v) for n, v in members.items() if v is not None}
