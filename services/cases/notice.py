"""A notice to one consignee: what they must know and do, with only their items; as text, HTML to print, or JSON."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from domain.cases.acts import Notice
from domain.cases.consignees import Consignee, Got
from domain.cases.recall import RecallCase
from domain.moments import iso
from services.cases import notice_text as words
from services.cases.notice_text import HEADINGS, Language, word

NEEDED = ("product", "brand", "where_to_find", "hazard", "defect", "what_to_do", "remedies", "contact")
"""What the case must tell before a notice says everything that is asked for."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with its lines. `missing`: the case does not tell it yet."""

    name: str
    lines: tuple[str, ...]
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A notice before it is written. `warnings` are words in it that make the hazard look small."""

    language: Language
    mode: str
    sections: tuple[Section, ...]
    items: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]


def notice_of(
    case: RecallCase,
    consignee: Consignee,
    got: Sequence[Got],
    *,
    contact: Mapping[str, Any] | None,
    as_of: str,
    language: Language,
) -> Document:
    """The notice. `contact`: how to reach the consignee, for those who may know it."""
    about, more = case.about, case.about.notice or Notice()
    passed = ", ".join(sorted(consignee.passed_to)) or word(words.NOBODY, language)
    remedies = tuple(word(words.REMEDIES[r], language) for r in more.remedies)
    told: dict[str, tuple[str, ...]] = {
        "to": _address(consignee.party, contact),
        "recall": (case.case_id,),
        "date": (as_of,),
        "product": _lines(about.product),
        "brand": _lines(more.brand),
        "model": _lines(more.model),
        "picture": _lines(more.picture),
        "where_to_find": _lines(more.where_to_find),
        "sold": _lines(more.sold),
        "hazard": _lines(about.hazard),
        "defect": _lines(about.defect),
        "classification": _lines(about.classification),
        "stop": (word(words.STOP, language),),
        "sub_recall": (word(words.SUB_RECALL, language).format(to=passed),),
        "what_to_do": _lines(more.what_to_do),
        "remedies": remedies,
        "report_back": (word(words.REPORT, language), *_lines(more.report_back)),
        "contact": _lines(about.contact),
    }
    sections = tuple(Section(n, lines, not lines and n in NEEDED) for n, lines in told.items() if lines or n in NEEDED)
    text = "\n".join(line for s in sections for line in (*s.lines, about.title)).lower()
    return Document(
        language=language,
        mode=case.mode,
        sections=sections,
        items=tuple(_item(g) for g in got),
        missing=tuple(s.name for s in sections if s.missing),
        warnings=tuple(w for w in words.SOOTHING if _says(text, w)),
    )


def _says(text: str, word: str) -> bool:
    """Whether a word stands in a text; Chinese has no spaces."""
    return re.search(rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word), text) is not None


def _lines(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(line for line in text.splitlines() if line.strip())


def _address(party: str, contact: Mapping[str, Any] | None) -> tuple[str, ...]:
    said = contact or {}
    reach = (*said.get("phones", ()), *said.get("emails", ()))
    parts = (said.get("name"), party or "?", *str(said.get("address") or "").splitlines(), *reach)
    return tuple(str(p) for p in parts if p)


def _item(got: Got) -> tuple[str, ...]:
    quantity = "" if got.quantity is None else f"{got.quantity:f} {got.uom or ''}".strip()
    return (str(got.item), quantity, iso(got.at_us), got.passed_to or "")


def as_json(document: Document) -> dict[str, Any]:
    """The notice as data, with what is missing."""
    return {
        "language": document.language,
        "mode": document.mode,
        "sections": [
            {"name": s.name, "heading": word(HEADINGS[s.name], document.language), "lines": list(s.lines)}
            for s in document.sections
        ],
        "items": [list(row) for row in document.items],
        "missing": list(document.missing),
        "warnings": list(document.warnings),
    }


def _banner(document: Document) -> str | None:
    return None if document.mode == "live" else word(HEADINGS[document.mode], document.language)


def as_text(document: Document) -> str:
    """The notice as plain text."""
    language = document.language
    lines = [word(HEADINGS["title"], language), ""]
    banner = _banner(document)
    lines += [f"*** {banner} ***", ""] if banner else []
    for section in document.sections:
        lines.append(f"{word(HEADINGS[section.name], language)}:")
        lines += [f"  {line}" for line in section.lines or (word(words.TO_COMPLETE, language),)]
    lines += ["", f"{word(HEADINGS['numbers'], language)} ({len(document.items)}):"]
    lines += ["  " + "  ".join(cell for cell in row if cell) for row in document.items]
    return "\n".join(lines) + "\n"


_STYLE = (
    "body{font:11pt/1.5 'Noto Sans','Noto Sans CJK SC','Microsoft YaHei',sans-serif;max-width:180mm;margin:15mm auto}"
    "h1{font-size:18pt}h2{font-size:11pt;margin:.8em 0 .1em}p{margin:.1em 0}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:2px 6px;text-align:left;"
    "overflow-wrap:anywhere}.mode{border:2px solid #000;padding:4px;font-weight:bold}.todo{background:#ff0}"
)


def as_html(document: Document) -> str:
    """The notice as a page of its own, to print. Nothing in it is loaded or run."""
    language = document.language
    title = escape(word(HEADINGS["title"], language))
    banner = _banner(document)
    parts = [
        f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
    ]
    parts += [f'<p class="mode">{escape(banner)}</p>'] if banner else []
    for section in document.sections:
        parts.append(f"<h2>{escape(word(HEADINGS[section.name], language))}</h2>")
        parts += [f"<p>{escape(line)}</p>" for line in section.lines]
        parts += [f'<p class="todo">{escape(word(words.TO_COMPLETE, language))}</p>'] if section.missing else []
    headings = "".join(f"<th>{escape(word(pair, language))}</th>" for pair in words.ITEM_HEADINGS)
    parts.append(f"<h2>{escape(word(HEADINGS['numbers'], language))} ({len(document.items)})</h2>")
    parts.append(f"<table><thead><tr>{headings}</tr></thead><tbody>")
    parts += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in document.items]
    return "".join(parts) + "</tbody></table></body></html>\n"
