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
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from domain.envelope import SCHEMA_VERSION, Envelope
from domain.ids import ItemId, PartyId, PlaceId
from domain.moments import Moment

Read = Callable[[Any], Any]
"""From a JSON value to what a field holds. Raises ValueError, TypeError, ArithmeticError for anything else."""

_IDS_REMEMBERED = 65_536
"""An id comes back in many events, mostly soon: it is parsed once."""
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
        hints = get_type_hints(cls, include_extras=True)
        # What is plain is looked at here, without another call: it is most of all fields.
        told = {one.name: (_plain(hints[one.name]), self._reader(hints[one.name])) for one in fields(cls)}

        def read(document: Any) -> Any:
            values = {}
            try:
                for name, value in document.items():
                    plain, reader = told[name]
                    values[name] = value if type(value) is plain else reader(value)
            except (KeyError, AttributeError):  # a field that is not known, or no object at all
                raise Unusual(cls.__name__) from None
            return cls(**values)

        return read

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
        """One type or nothing, which is never written; or dataclasses that one field tells apart."""
        if len(kinds) == 1:
            return self._reader(kinds[0])
        for field in ("kind", "act"):
            told = {_tag(kind, field): self._reader(kind) for kind in kinds}
            if None not in told and len(told) == len(kinds):
                return _tagged(field, told)
        return _never


def _plain(hint: Any) -> type | None:
    """The JSON type of a field whose value is taken as it is."""
    known = [one for one in get_args(hint) if one is not type(None)] if hint not in (str, int, bool) else [hint]
    return known[0] if len(known) == 1 and known[0] in (str, int, bool) and get_origin(hint) is not tuple else None


def _tag(kind: Any, field: str) -> Any:
    """The only value that a dataclass has in the field; None where that does not tell it."""
    hint = get_type_hints(kind).get(field) if is_dataclass(kind) else None
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


def _number(value: Any) -> Decimal:
    if not _NUMBER.fullmatch(value):
        raise Unusual("no plain number")
    return Decimal(value)


def _never(value: Any) -> Any:
    raise Unusual(type(value).__name__)
