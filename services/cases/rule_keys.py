"""What a rule makes its case watch beside its members: what later events may be exposed by, made of or bought from."""

from collections.abc import Iterable, Iterator

from domain.cases.scope import (
    AllOf,
    AnyOf,
    Except,
    Exposed,
    FailedComponentLots,
    Inspection,
    Items,
    Product,
    Rule,
    Supplied,
    SupplierLots,
    leaves_of,
)
from domain.ids import ItemId
from services.query.exposure_asked import exposure_of
from services.readmodel.watching import WATCHED_KINDS, Key


def keys_of_rule(rule: Rule) -> set[Key]:
    """(topic, subject) as events have them (services/readmodel/watching.py)."""
    return {key for leaf in leaves_of(rule) for key in _keys(leaf)}


def items_of_rule(rule: Rule) -> set[ItemId]:
    """Items that a rule names: watched also before anything is known to have come of them."""
    found: set[ItemId] = set()
    for leaf in leaves_of(rule):
        if isinstance(leaf, Items):
            found.update(leaf.ids)
        elif isinstance(leaf, FailedComponentLots):
            found.update(leaf.items)
    return found


def is_narrowing(rule: Rule) -> bool:
    """Whether a part of the rule has members that the whole has not: these must be watched, too."""
    match rule:
        case AllOf() | Except():
            return True
        case AnyOf(rules):
            return any(is_narrowing(one) for one in rules)
        case _:
            return False


def _keys(leaf: Rule) -> Iterator[Key]:
    match leaf:
        case Items(ids=ids):
            yield from _keys_of_items(ids)
        case SupplierLots(supplier=supplier) | Supplied(supplier=supplier):
            yield "dimension", f"supplier {supplier}"
        case Product(product=product):
            yield "product", str(product)
        case FailedComponentLots(items=items, material=material):
            yield from _keys_of_items(items)
            yield "product", str(material)
        case Inspection():
            yield "kind", "inspected"
        case Exposed(asked=asked):
            exposure = exposure_of(asked)
            yield from (("dimension", f"{name} {value}") for name, value in exposure.circumstance.dimensions)
            if exposure.circumstance.parameter is not None:
                yield "parameter", exposure.circumstance.parameter.name
            yield from (("kind", kind) for kind in WATCHED_KINDS)
        case _:
            return


def _keys_of_items(ids: Iterable[ItemId]) -> Iterator[Key]:
    """An id that no event named yet has no number: its first event is known by its product, else by the id."""
    for item in ids:
        if item.material is not None:
            yield "product", item.material
        if item.kind == "class":
            yield "class", str(item)
        elif item.material is None:
            yield "item", str(item)
