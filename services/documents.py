"""Domain dataclasses as plain JSON data: what pydantic's own writing gives (`mode="json"`, `exclude_none`), faster.

Capture writes every event it takes, and most fields of an event are absent. As `dataclasses` does for `__init__`, a
function is made for each class that looks at one field after the other. It writes texts, numbers, times, and lists of
such; a value of any other type is left to pydantic.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from domain.moments import Moment

_SCALARS = {Enum: "one.value", str: "one", int: "one", Moment: "one.text", Decimal: "str(one)"}
"""How a value of a class, or of one below it, is written as JSON data; `one` is the value."""


@cache
def writer_of(kind: type[Any], *, without_empty: bool = False) -> Callable[[Any], dict[str, Any]]:
    """What writes values of a dataclass; `without_empty`: leaving out its own empty lists and objects, too."""
    hints = get_type_hints(kind, include_extras=True)
    called: dict[str, Any] = {}
    lines = []
    for field in fields(kind):
        written = _written(hints[field.name], called)
        present = "one is not None"
        if without_empty and written not in _SCALARS.values():
            present, written = f"one and (one := {written})", "one"
        lines += [f" one = value.{field.name}", f" if {present}: told[{field.name!r}] = {written}"]
    exec("\n".join(["def write(value):", " told = {}", *lines, " return told"]), called)
    write: Callable[[Any], dict[str, Any]] = called["write"]
    return write


def _written(hint: Any, called: dict[str, Any]) -> str:
    """An expression for the value `one` of that type. What it calls is put into `called`."""
    origin, of = get_origin(hint), [one for one in get_args(hint) if one is not NoneType]
    if origin in (Union, UnionType):
        ways = {_scalar(one) for one in of}
        if len(of) == 1:
            return _written(of[0], called)
        if len(ways) == 1 and None not in ways:
            return _scalar(of[0]) or ""
    elif origin is tuple and of[1:] == [...]:
        each = _written(of[0], called)
        return "list(one)" if each == "one" else f"[{each} for one in one]"
    elif origin is Literal and all(isinstance(one, str) for one in of):
        return "one"
    elif (scalar := _scalar(hint)) is not None:
        return scalar
    name = f"write_{len(called)}"
    made: Callable[[Any], Any] = _by_pydantic(hint) if not is_dataclass(hint) else writer_of(cast(Any, hint))
    called[name] = made
    return f"{name}(one)"


def _scalar(hint: Any) -> str | None:
    if not isinstance(hint, type):
        return None
    return next((written for kind, written in _SCALARS.items() if issubclass(hint, kind)), None)


def _by_pydantic(hint: Any) -> Callable[[Any], Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    return lambda value: adapter.dump_python(value, mode="json", exclude_none=True)
