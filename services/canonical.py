"""Records of the log read without the validator: those that are written just as `codec.encode` writes them.

Nearly all that a projector decodes was written by this release. Such a record is told by its shape, field by field:
every field is known, every value has the JSON type and the form that is written for it. Ids, times and numbers are
parsed and events check themselves, as ever. `Unusual` is raised for anything else, also for what is plainly wrong: the
validator then has the word, as if nobody had looked before it. So nothing is read here that it would not read, or not
read alike (tests/golden/test_canonical.py).
"""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from domain.envelope import SCHEMA_VERSION, Envelope
from domain.ids import ItemId, PartyId, PlaceId
from domain.moments import Moment

Read = Callable[[Any], Any]
"""From a JSON value to what a field holds. Raises ValueError, TypeError, ArithmeticError for anything else."""

_IDS_REMEMBERED = 65_536
"""An id comes back in many events, mostly soon: it is parsed once."""
_SHAPES_REMEMBERED = 500
"""Of one class: which fields are told, in which order. This release writes a few; each is compiled once."""
_NUMBER = re.compile(r"-?[0-9]{1,28}(\.[0-9]{1,28})?")


class Unusual(ValueError):
    """Not written as this release writes it."""


class CanonicalRecords:
    """Reads records of the log. Make one a process: it takes some milliseconds, and it remembers ids."""

    def __init__(self) -> None:
        self._readers: dict[Any, Read] = {
            Any: lambda value: value,
            Decimal: lru_cache(maxsize=4_096)(_number),
            Moment: lru_cache(maxsize=4_096)(Moment.parse),
            ItemId: lru_cache(maxsize=_IDS_REMEMBERED)(ItemId.parse),
            PlaceId: lru_cache(maxsize=_IDS_REMEMBERED)(PlaceId.parse),
            PartyId: lru_cache(maxsize=_IDS_REMEMBERED)(PartyId.parse),
        }
        self._envelope = self._reader(Envelope)

    def read(self, record: Mapping[str, Any]) -> Envelope:
        """The envelope. Raises Unusual for what the validator must look at."""
        if record.get("schema_version") != SCHEMA_VERSION:
            raise Unusual("another shape")
        try:
            envelope: Envelope = self._envelope(record)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise Unusual(str(error)) from error
        return envelope

    def _reader(self, kind: Any) -> Read:
        reader = self._readers.get(kind)
        if reader is None:
            reader = self._readers[kind] = self._put_together(kind)
        return reader

    def _put_together(self, kind: Any) -> Read:
        origin, inner = get_origin(kind), get_args(kind)
        if kind in (str, int, bool) or origin in (Mapping, dict):
            return _exactly(kind if origin is None else dict)
        if origin is Annotated:
            return self._reader(inner[0])
        if origin is Literal:
            return _one_of({word: word for word in inner})
        if origin is tuple:
            return self._of_tuple(inner)
        if origin in (Union, types.UnionType):
            return self._of_union([one for one in inner if one is not type(None)])
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _one_of({one.value: one for one in kind})
        return self._of_dataclass(kind) if is_dataclass(kind) else _never

    def _of_dataclass(self, cls: Any) -> Read:
        known = _hints(cls)
        shapes: dict[tuple[str, ...], Callable[[Any], Any]] = {}

        def read(document: Any) -> Any:
            try:
                names, values = tuple(document), document.values()
            except AttributeError:  # no object at all
                raise Unusual(cls.__name__) from None
            shape = shapes.get(names)
            if shape is None:
                if len(shapes) >= _SHAPES_REMEMBERED or not known.keys() >= set(names):
                    raise Unusual(cls.__name__)
                shape = shapes[names] = self._of_shape(cls, {name: known[name] for name in names})
            return shape(values)

        return read

    def _of_shape(self, cls: Any, hints: Mapping[str, Any]) -> Callable[[Any], Any]:
        """What makes an object of the values of these fields, in this order: put together as source, as `dataclasses`
        does for `__init__`. One call a value and a walk over the fields were half of what reading took.
        """
        called: dict[str, Any] = {"cls": cls, "unusual": _never}
        given = []
        for number, (name, hint) in enumerate(hints.items()):
            value = f"v{number}"
            if (plain := _plain(hint)) is not None:
                called[f"t{number}"] = plain
                read = f"{value} if type({value}) is t{number} else unusual({value})"
            else:
                called[f"r{number}"] = self._reader(hint)
                read = f"r{number}({value})"
            given.append(f"{name}={read}")
        taken = "".join(f"v{number}, " for number in range(len(hints)))
        lines = ["def read(values):", f" {taken} = values" if taken else "", f" return cls({', '.join(given)})"]
        exec("\n".join(lines), called)
        made: Callable[[Any], Any] = called["read"]
        return made

    def _of_tuple(self, inner: tuple[Any, ...]) -> Read:
        many = len(inner) == 2 and inner[1] is Ellipsis
        readers = [self._reader(kind) for kind in inner if kind is not Ellipsis]
        one = readers[0]

        def read(values: Any) -> tuple[Any, ...]:
            if type(values) is not list:
                raise Unusual("no list")
            if many:
                return tuple([one(value) for value in values]) if values else ()
            return tuple([each(value) for each, value in zip(readers, values, strict=True)])

        return read

    def _of_union(self, kinds: list[Any]) -> Read:
        """One type or nothing, which is never written; an item or a number; dataclasses that one field tells apart."""
        if len(kinds) == 1:
            return self._reader(kinds[0])
        if kinds == [ItemId, str]:
            return _item_or_number(self._readers[ItemId])
        for field in ("kind", "act"):
            told = {_tag(kind, field): kind for kind in kinds}
            if None not in told and len(told) == len(kinds):
                return _tagged(field, {tag: self._reader(kind) for tag, kind in told.items()})
        return _never


def _plain(hint: Any) -> type | None:
    """The JSON type of a field whose value is taken as it is."""
    known = [one for one in get_args(hint) if one is not type(None)] if hint not in (str, int, bool) else [hint]
    return known[0] if len(known) == 1 and known[0] in (str, int, bool) and get_origin(hint) is not tuple else None


def _hints(cls: Any) -> dict[str, Any]:
    """The type of each field. Those of the domain are written out: there is no name to be looked up."""
    return {one.name: one.type for one in fields(cls)}


def _tag(kind: Any, field: str) -> Any:
    """The only value that a dataclass has in the field; None where that does not tell it."""
    hint = _hints(kind).get(field) if is_dataclass(kind) else None
    return get_args(hint)[0] if get_origin(hint) is Literal and len(get_args(hint)) == 1 else None


def _tagged(field: str, told: Mapping[Any, Read]) -> Read:
    def read(document: Any) -> Any:
        reader = told.get(document.get(field)) if type(document) is dict else None
        if reader is None:
            raise Unusual(field)
        return reader(document)

    return read


def _exactly(kind: type) -> Read:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise Unusual(kind.__name__)
        return value

    return read


def _one_of(meant: Mapping[Any, Any]) -> Read:
    def read(value: Any) -> Any:
        if type(value) is not str or value not in meant:
            raise Unusual("another word")
        return meant[value]

    return read


def _item_or_number(item: Read) -> Read:
    def read(value: Any) -> Any:
        if type(value) is not str:
            raise Unusual("an item in parts")
        try:
            return item(value)
        except ValueError:
            return value

    return read


def _number(value: Any) -> Decimal:
    if not _NUMBER.fullmatch(value):
        raise Unusual("no plain number")
    return Decimal(value)


def _never(value: Any) -> Any:
    raise Unusual(type(value).__name__)
