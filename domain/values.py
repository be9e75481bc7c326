"""Values that are made by the million: frozen for whoever writes code, made three times as fast.

A frozen dataclass sets each of its fields through `object.__setattr__`, which is most of what it costs to read an event
and to say its facts. The type checker holds these to be frozen (`make check-static`); at run time nothing looks.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(*, frozen: Literal[True], slots: Literal[True], kw_only: bool = False) -> Any:
        """As `dataclass` with the same words, but that assignments are refused by the type checker only."""
        return dataclass(slots=slots, kw_only=kw_only, unsafe_hash=True)


__all__ = ["value"]
