"""Parts of frozen sets as we write them to the log: their members, of which there are a million, are left as they lie.

What such a record says is told without its members being read: that they are written just as `frozen_set.line_of` does
it is seen by one pattern over their bytes. Anything else is for the validator (services/codec.py), so nothing is taken
here that it would not take, or not take alike (tests/golden/test_set_parts.py).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from domain.cases.acts import CHUNK_ITEMS_MAX
from domain.ids import InvalidId, ItemId

_LIST = b'"members":['
_HEAD_BYTES_MAX = 4_096
"""Of what stands before the members: more is not ours."""
_EACH = b'{"came_from":['
_IDS_REMEMBERED = 65_536


def _members(text: bytes, item: bytes) -> re.Pattern[bytes]:
    """A list of members, keys sorted and nothing between; what repeats is never given back, so it takes one pass."""
    flag = rb"(?:true|false)"
    texts, items = (rb"\[(?:%b(?:,%b)*+)?+\]" % (one, one) for one in (text, item))
    amount = rb'"quantity":"-?[0-9]{1,28}+(?:\.[0-9]{1,28}+)?+"'
    rest = rb'"reasons":%b,"seed":%b,"top":%b' % (texts, flag, flag)
    one = (
        rb'\{"came_from":%b,"certainty":"(?:certain|possible)","event_ids":%b,"item":%b,'
        rb'"kind":"(?:unit|lot|class|container)","level":(?:0|[1-9][0-9]{0,4}+),"loose_spare":%b,'
        rb'(?:%b|%b,%b(?:,"uom":%b)?+)\}'
    ) % (items, texts, item, flag, rest, amount, rest, text)
    return re.compile(rb"\[%b(?:,%b)*+\]" % (one, one))


_WRITTEN = _members(rb'"[^"\\\x00-\x1f]*+"', rb'"[!#-Z^-~]*+"')
"""With ids of signs that neither end a text nor a list, nor need more than a byte."""
_OWN = rb"urn:zhuisu:(?:unit|lot|class):[!#-Z^-~]{1,400}+"
_ITEMS = re.compile(rb'"item":"(?!%b")([^"]*)"' % _OWN)
_PREDECESSORS = re.compile(rb'"came_from":\["(?!%b"\])([^\]]*)"\]' % _OWN)
"""All but single ones of our own form, which are what they should be if they look so."""
_NUMBERED = re.compile(
    rb"(?m)^(?:(https://id\.gs1\.org/01/[0-9]{14}/(?:10|21)/)[0-9A-Za-z]{1,20}+"
    rb"|(urn:zhuisu:(?:unit|lot|class):)[!#-Z^-~]{1,400}+)$"
)
"""Whether one of these is an item, written so, does not hang on its number."""


@dataclass(frozen=True, slots=True)
class Members:
    """The members that a part of a frozen set lists: a JSON array, and how many there are in it."""

    text: bytes
    count: int

    def items(self) -> Iterator[ItemId]:
        """What each of them is, read now."""
        return (ItemId(member["item"]) for member in orjson.loads(self.text))

    def back_in(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The event with them, to be written as JSON."""
        return {**event, "act": {**event["act"], "members": orjson.Fragment(self.text)}}


def cut_out(value: bytes) -> tuple[dict[str, Any], Members] | None:
    """A record of the log with an empty list in place of the members of its part of a set, and these.

    None if it is no part of a set, or not written as we write them.
    """
    at = value.find(_LIST, 0, _HEAD_BYTES_MAX) + len(_LIST) - 1
    if at < len(_LIST) or (text := _written(value, at)) is None:
        return None
    rest = value[:at] + b"[]" + value[at + len(text) :]
    count = text.count(_EACH)
    # Without escapes there is one way to write the name, so that the list that was cut out is the one that counts.
    if count > CHUNK_ITEMS_MAX or rest.count(b'"members"') != 1 or b"\\" in rest:
        return None
    try:
        record = orjson.loads(rest)
        event = record["event"]
        told = (event["kind"], event["act"]["act"], event["act"]["members"])
    except (ValueError, TypeError, LookupError):
        return None
    return (record, Members(text, count)) if told == ("case_recorded", "set_frozen", []) else None


def _written(value: bytes, at: int) -> bytes | None:
    if (found := _WRITTEN.match(value, at)) is None:
        return None
    text = found[0]
    named = set(_ITEMS.findall(text)).union(*(some.split(b'","') for some in set(_PREDECESSORS.findall(text))))
    try:
        text.isascii() or text.decode()
        kinds = set(_NUMBERED.sub(rb"\g<1>\g<2>1", b"\n".join(named)).split(b"\n")) if named else ()
        return text if all(_is_canonical(kind.decode()) for kind in kinds) else None
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=_IDS_REMEMBERED)
def _is_canonical(text: str) -> bool:
    """Whether it is an item's id as it stands: written otherwise, the database would take it for another item."""
    try:
        return ItemId.parse(text) == text
    except InvalidId:
        return False
