"""`zhuisu ingest FILE`: the events of a file, sent in batches, each row's error told with its row and column."""

import gzip
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.client import ASK_AGAIN, Service, problem_of
from services.cli.files import FileError, Opened, Row, kind_of_file, open_rows, read_bytes
from services.cli.mapping import MappingError, SheetMapping, column_of, read_mapping
from services.cli.options import REFUSED, UNAVAILABLE, USAGE, Hand

BATCH_ROWS = 1_000
_TOLD_ERRORS = 100
_CAPTURE_SECONDS = 60.0


@dataclass(slots=True)
class Tally:
    """What became of a file's rows, and where the log was then."""

    counts: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)
    vector: dict[str, int] = field(default_factory=dict)

    @property
    def position(self) -> str:
        """The token to wait for."""
        return ",".join(f"{partition}-{self.vector[partition]}" for partition in sorted(self.vector, key=int))

    def document(self) -> dict[str, Any]:
        names = ("accepted", "duplicate", "rejected")
        return {**{n: self.counts[n] for n in names}, "position": self.position, "errors": self.errors}


class Sender:
    """Sends rows to one service."""

    def __init__(self, hand: Hand, service: Service, *, patience_seconds: float, compress: bool) -> None:
        self.hand, self.service = hand, service
        self._patience_seconds, self._compress = patience_seconds, compress
        self.tally = Tally()

    def send_all(self, opened: Opened) -> Tally:
        """Every row, in batches. The file's own errors cost no other row anything."""
        for rows in batched(opened.rows, BATCH_ROWS):
            for row in rows:
                if row.event is None:
                    self._reject(row, row.column, row.error or "")
            self.send([row for row in rows if row.event is not None])
        return self.tally

    def send(self, rows: Sequence[Row]) -> None:
        """One batch, again with the same ids until the service takes it; smaller ones if it is too large."""
        if not rows:
            return
        body = json.dumps([row.event for row in rows], ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        if self._compress:
            body, headers["Content-Encoding"] = gzip.compress(body, 5), "gzip"
        answer = self.service.post_patiently(
            "/v1/events", within_seconds=self._patience_seconds, content=body, headers=headers
        )
        if answer.status_code == 413 and len(rows) > 1:
            self.send(rows[: len(rows) // 2])
            self.send(rows[len(rows) // 2 :])
            return
        if answer.status_code in ASK_AGAIN:
            self._give_up(rows[0], problem_of(answer))
        document = answer.json() if answer.status_code < 400 else problem_of(answer)
        outcomes = document.get("outcomes")
        if answer.status_code >= 400 and not outcomes:
            self.hand.refuse(REFUSED, document)
        self._count(rows, outcomes or [])
        for token in filter(None, (document.get("position") or "").split(",")):
            partition, _, offset = token.partition("-")
            self.tally.vector[partition] = max(int(offset), self.tally.vector.get(partition, -1))

    def _count(self, rows: Sequence[Row], outcomes: Sequence[dict[str, Any]]) -> None:
        for outcome in outcomes:
            row, error = rows[outcome["index"]], outcome.get("error")
            if outcome["outcome"] != "rejected" or error is None:
                self.tally.counts[outcome["outcome"]] += 1
                continue
            field_path = error.get("field", "")
            detail, fix = error.get("detail") or "", error.get("fix") or ""
            told = detail if fix in detail else f"{detail}: {fix}"
            self._reject(row, column_of(field_path, row.columns) or field_path, told)

    def _reject(self, row: Row, column: str | None, detail: str) -> None:
        self.tally.counts["rejected"] += 1
        if len(self.tally.errors) < _TOLD_ERRORS:
            self.tally.errors.append({"row": row.number, "column": column, "detail": detail})
            if not self.hand.as_json:
                place = self.hand.say("row {row}, {column}", row=row.number, column=column) if column else (
                    self.hand.say("row {row}", row=row.number))  # fmt: skip
                self.hand.err.print(f"{place}: {detail}", markup=False, highlight=False)
        elif len(self.tally.errors) == _TOLD_ERRORS and not self.hand.as_json:
            self.tally.errors.append({"row": None, "column": None, "detail": "more errors are counted, not listed"})
            self.hand.err.print(self.hand.say("more errors are counted, not listed"))

    def _give_up(self, row: Row, problem: dict[str, Any]) -> None:
        self.hand.fail(
            UNAVAILABLE,
            "the service did not take row {row} and what follows within {seconds} s: {detail}. Send the file again: "
            "what is in already is recognised",
            row=row.number,
            seconds=f"{self._patience_seconds:g}",
            detail=problem.get("detail", ""),
        )


def send_file(
    hand: Hand, service: Service, path: Path, *, mapping_path: Path | None, patience_seconds: float, compress: bool
) -> int:
    """Send a file and tell what became of it. Returns the exit code."""
    try:
        mapping = read_mapping(mapping_path) if mapping_path is not None else SheetMapping()
        if kind_of_file(path) in (".json", ".jsonld") and (document := epcis_document(path)) is not None:
            return capture_document(hand, service, document, patience_seconds=patience_seconds)
        opened = open_rows(path, mapping)
        sender = Sender(hand, service, patience_seconds=patience_seconds, compress=compress)
        with SendingBar(hand, opened, path.name) as rows:
            tally = sender.send_all(rows)
    except (FileError, MappingError) as error:
        hand.fail(USAGE, "{error}", error=error)
    if hand.as_json:
        hand.json(tally.document())
    else:
        counts = {name: tally.counts[name] for name in ("accepted", "duplicate", "rejected")}
        hand.tell("{accepted} accepted, {duplicate} duplicates, {rejected} rejected", **counts)
        if tally.position:
            hand.tell("In the log up to {position}: --wait-for {position} sees it all", position=tally.position)
    return REFUSED if tally.counts["rejected"] else 0


def epcis_document(path: Path) -> bytes | None:
    """The file if it is an EPCIS document, else None. Raises FileError."""
    content = read_bytes(path)
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise FileError(f"{path}: not JSON: {error}") from error
    kind = document.get("type", document.get("isA")) if isinstance(document, dict) else None
    return content.removeprefix(b"\xef\xbb\xbf") if kind in ("EPCISDocument", "EPCISQueryDocument") else None


def capture_document(hand: Hand, service: Service, document: bytes, *, patience_seconds: float) -> int:
    """Post an EPCIS document and wait for its capture job. Returns the exit code."""
    answer = service.post_patiently(
        "/epcis/v2/capture",
        within_seconds=patience_seconds,
        content=document,
        headers={"Content-Type": "application/json"},
    )
    service.read(answer)
    job = answer.headers["Location"]
    state: dict[str, Any] = {"running": True}
    until = time.monotonic() + _CAPTURE_SECONDS
    with hand.working("The document is captured …"):
        while state["running"] and time.monotonic() < until:
            state = service.read(service.http.get(job))
            if state["running"]:
                time.sleep(0.1)
    if hand.as_json:
        hand.json(state)
    elif state["running"]:
        hand.tell("Captured, but not visible yet: ask {job}", job=job)
    else:
        for error in state["errors"]:
            where = hand.say("event {number}", number=int(error.get("index", 0)) + 1)
            hand.err.print(f"{where}: {error.get('detail', error.get('title', ''))}", markup=False, highlight=False)
        hand.tell("The document is captured" if state["success"] else "The document was refused")
    return 0 if state["running"] or state["success"] else REFUSED


class SendingBar:
    """Rows of an opened file, with a bar of how far it is on a terminal."""

    def __init__(self, hand: Hand, opened: Opened, name: str) -> None:
        self._opened = opened
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
        quiet = hand.as_json or not hand.err.is_terminal
        self._bar = Progress(*columns, TimeRemainingColumn(), console=hand.err, disable=quiet, transient=True)
        self._task = self._bar.add_task(hand.say("Sending {name}", name=name), total=opened.total)

    def __enter__(self) -> Opened:
        self._bar.start()
        return Opened(self._rows(), self._opened.total, self._opened.done)

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def _rows(self) -> Iterator[Row]:
        for row in self._opened.rows:
            self._bar.update(self._task, completed=self._opened.done())
            yield row


def batched(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Lists of up to `size` rows."""
    while batch := list(itertools.islice(rows, size)):
        yield batch
