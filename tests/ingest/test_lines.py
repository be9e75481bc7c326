"""Lines are lines, wherever the network cuts them."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.lines import batches_of
from services.ingest.reading import Flaw

LINE_BYTES = 12
LINES = st.sampled_from(
    [b"", b" ", b"\r", b"1", b'"ab"', b"[1, 2]", b"no json", b"9" * LINE_BYTES, b"9" * 13, b"8" * 40]
)


async def batches(pieces: Sequence[bytes], *, batch_lines: int) -> list[list[object]]:
    async def come() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    found = batches_of(come(), line_bytes=LINE_BYTES, batch_lines=batch_lines, batch_bytes=10_000)
    return [batch async for batch in found]


@given(st.lists(LINES, max_size=12), st.lists(st.integers(0, 200), max_size=8), st.integers(1, 4), st.booleans())
async def test_however_a_body_is_cut(lines: list[bytes], cuts: list[int], most: int, ended: bool) -> None:  # noqa: PLR0917
    body = b"\n".join(lines) + (b"\n" if ended else b"")
    places = sorted({0, *(cut for cut in cuts if cut < len(body)), len(body)})
    cut = await batches([body[a:b] for a, b in pairwise(places)], batch_lines=most)
    documents = [one for batch in cut for one in batch]
    assert [len(batch) for batch in cut[:-1]] == [most] * len(cut[:-1])
    wanted = [line for line in lines if line.strip()]
    assert len(documents) == len(wanted)
    for line, document in zip(wanted, documents, strict=True):
        if line == b"no json" or len(line) > LINE_BYTES:
            assert isinstance(document, Flaw)
            assert ("bytes" in document.detail) == (len(line) > LINE_BYTES)
        else:
            assert not isinstance(document, Flaw)
