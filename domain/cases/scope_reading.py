"""A scope rule read from JSON: what is wrong is named by its member, with the fix."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from domain.cases.scope import (
    DEPTH_MAX,
    LEAVES_MAX,
    NAMED_MAX,
    PRODUCTION_DATE,
    AllOf,
    AnyOf,
    Except,
    Exposed,
    FailedComponentLots,
    Inspection,
    InvalidRule,
    Items,
    Leaf,
    Made,
    Product,
    Rule,
    Supplied,
    SupplierLots,
    leaves_of,
)
from domain.events.common import SerialRange, can_bound
from domain.ids import InvalidId, ItemId, PartyId
from domain.moments import InvalidMoment, Moment, zone_of
from domain.names import shortened
from domain.walk import Mode

T = TypeVar("T")


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
        characteristic=shortened(inner.text("characteristic")),
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
            if not can_bound(number):
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
