"""Reports over HTTP: which form is asked for, and the file as a response."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from services.problems import Problem
from services.sheets.report import Head, Table
from services.sheets.writing import Form, Written, write

_PIECE_BYTES = 1 << 16
_ASKED = {form.media_type: form for form in Form} | {"*/*": Form.JSON, "text/*": Form.CSV, "application/*": Form.JSON}


def form_of(request: Request) -> Form:
    """What `format` or `Accept` asks for; JSON where neither says. Raises Problem 422, 406."""
    named = request.query_params.get("format")
    if named is not None:
        if named not in list(Form):
            raise Problem(422, "invalid-parameter", f"format: {named[:40]} is none of {', '.join(Form)}")
        return Form(named)
    accept = request.headers.get("accept", "*/*")
    for part in accept.split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in _ASKED:
            return _ASKED[kind]
    known = ", ".join(form.media_type for form in Form)
    raise Problem(406, "not-acceptable", f"Accept: {accept[:100]}: reports come as {known}")


async def report(request: Request, head: Head, *, tables: Sequence[Table], form: Form) -> Response:
    """The report as a download, with its hash as a strong ETag: the same point in time, the same bytes."""
    written = await write(head, tables, form)
    return await sent(
        request, written, name=f"{head.report}.{form}", media_type=form.media_type, position=head.position
    )


async def sent(request: Request, written: Written, *, name: str, media_type: str, position: str) -> Response:
    """A finished file as a response, or 304 where the client has it."""
    tag = f'"{written.sha256}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Zhuisu-As-Of": position, "Vary": "Accept"}
    known = {t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        written.file.close()
        return Response(status_code=304, headers=headers)
    headers |= {"Content-Length": str(written.size_bytes), "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(written), headers=headers, media_type=media_type)


async def _pieces(written: Written) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(written.file.read, _PIECE_BYTES):
            yield piece
    finally:
        written.file.close()
