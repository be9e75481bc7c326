"""A set is cut into events by its lines alone: not where the blocks end in which they come, nor who made them."""

import hashlib

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.cases.frozen_chunks import Sent, members_written, packed
from services.query.frozen_set import line_of
from services.query.graph.texts import Texts

members = st.builds(
    lambda name, level, reasons: {"item": f"urn:x:{name}", "level": level, "reasons": reasons},
    st.text(min_size=1, max_size=12),
    st.integers(0, 9),
    st.lists(st.sampled_from(["basis", "touched"]), unique=True),
)


def one_by_one(lines: list[bytes], items: int, size_bytes: int) -> list[list[bytes]]:
    """The rule, line by line."""
    found: list[list[bytes]] = []
    for line in lines:
        full = not found or len(found[-1]) == items or sum(map(len, found[-1])) + len(line) > size_bytes
        if full:
            found.append([])
        found[-1].append(line)
    return found


@given(
    members=st.lists(members, max_size=40),
    items=st.integers(1, 12),
    size_bytes=st.integers(1, 400),
    block=st.integers(1, 15),
)
def test_lines_are_cut_where_an_event_is_full(
    members: list[dict[str, object]], *, items: int, size_bytes: int, block: int
) -> None:
    lines = [line_of(member) for member in members]
    blocks = (Texts.of(lines[start : start + block]) for start in range(0, len(lines), block))
    cut = list(packed(blocks, items=items, size_bytes=size_bytes))
    expected = one_by_one(lines, items, size_bytes)
    assert cut == [(b"".join(some), len(some)) for some in expected]
    sent = Sent()
    for number, (some, count) in enumerate(cut):
        assert orjson.loads(orjson.dumps(members_written(some))) == list(map(orjson.loads, some.splitlines()))
        sent.take(some, count, str(number))
    assert (sent.members, sent.hashes) == (len(lines), [str(n) for n in range(len(cut))])
    assert sent.sha256 == hashlib.sha256(b"".join(lines)).hexdigest()
