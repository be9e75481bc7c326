"""Suppliers' notices as JSON."""

from collections.abc import Sequence
from typing import Any

from domain.cases.acts import AnyAct
from domain.cases.notice_lines import Match, Receipt, draft_scope, outcomes
from domain.cases.supplier_notice import SupplierNotice
from services.codec import ACT
from services.query.case_json import act_json
from services.query.rendering import text

RECEIPTS_SHOWN = 100
"""Receipts and candidates named a line; their counts tell how many there are."""


def notice_summary(notice: SupplierNotice) -> dict[str, Any]:
    """What a list of notices shows of each."""
    return {
        "notice": notice.case_id,
        "state": notice.state,
        **_told(notice.about),
        "lines_complete": notice.complete,
        "sequence": notice.sequence,
    }


def notice_json(notice: SupplierNotice) -> dict[str, Any]:
    """A notice without what it matches: that is asked for with GET."""
    return {
        **notice_summary(notice),
        "containment_requests": [_told(a) for a in notice.requests],
        "answers": [_told(a) for a in notice.answers],
        "history": [act_json(one) for one in notice.history],
    }


def _told(act: AnyAct) -> dict[str, Any]:
    told = ACT.dump_python(act, mode="json", exclude_none=True)
    return {k: v for k, v in told.items() if k not in ("act", "chunks")}


def matches_json(notice: SupplierNotice, matches: Sequence[Match]) -> dict[str, Any]:
    """What every line came to, and the scope that a recall could begin with."""
    left_open = {id(m.left_open): m.left_open for m in matches}
    receipts = {(r.event_id, r.item): r for rs in left_open.values() for r in rs}
    return {
        "outcomes": outcomes(matches),
        "matches": [match_json(row, m) for row, m in zip(notice.rows, matches, strict=True)],
        "left_open": [receipt_json(r) for _, r in sorted(receipts.items())],
        "draft_scope": draft_scope(matches),
        "draft_scope_matched_only": draft_scope(matches, with_possible=False),
    }


def match_json(row: Any, match: Match) -> dict[str, Any]:
    """One line: as it was sent, and what it means."""
    return {
        "line": dict(row),
        "outcome": match.outcome,
        "items": [str(i) for i in match.items],
        "receipts": [receipt_json(r) for r in match.receipts[:RECEIPTS_SHOWN]],
        "receipt_count": len(match.receipts),
        "candidates": [
            {"why": c.why, "item": c.item, "receipt": receipt_json(c.receipt) if c.receipt is not None else None}
            for c in match.candidates[:RECEIPTS_SHOWN]
        ],
        "candidate_count": len(match.candidates),
        "left_open": len(match.left_open),
    }


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """What was received, from whom, when."""
    return {
        "event_id": receipt.event_id,
        "item": receipt.item,
        "supplier": receipt.supplier,
        "supplier_lots": sorted(receipt.numbers),
        "date_codes": sorted(receipt.date_codes),
        "occurred_at": receipt.occurred_at,
        "site": receipt.site,
        "quantity": text(receipt.quantity),
        "uom": receipt.uom,
    }
