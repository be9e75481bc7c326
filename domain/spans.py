"""Parts of the history of an equipment or a vessel that a question asks for, so that it never reads all of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

REACH = 4
"""Signs of a position, before and after a moment, that can say something of it (docs/semantics.md, Line loading)."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An equipment from one instant to another, both included.

    For makings: all that touch it. For loads, at every position: the signs that touch it; those since the last
    REACH + 1 before it that leave no doubt of what was there (timed to the instant, not about to be void, a mount or an
    unmount of everything); and the first REACH after it. An answer may hold more.
    """

    equipment: str
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True, order=True)
class Near:
    """The makings on an equipment that were done last before (first after) an instant, until they count `units`."""

    equipment: str
    at_us: int
    units: int
    before: bool


@dataclass(frozen=True, slots=True, order=True)
class FillSpan:
    """A vessel's acts since the last clean break of all of it that surely lies before `from_us`.

    Up to `to_us`, or (`ahead`) to the first such break that surely lies after it. An answer may hold more.
    """

    vessel: str
    from_us: int
    to_us: int
    ahead: bool


def merged(spans: Iterable[Span], *, gap_us: int = 0) -> list[Span]:
    """The same instants in fewer spans: those of one equipment that touch, or lie within the gap, become one."""
    found: list[Span] = []
    for span in sorted(spans):
        last = found[-1] if found else None
        if last is not None and last.equipment == span.equipment and span.from_us <= last.to_us + gap_us:
            found[-1] = replace(last, to_us=max(last.to_us, span.to_us))
        else:
            found.append(span)
    return found
