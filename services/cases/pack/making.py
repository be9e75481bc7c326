"""Making an offline pack: lists, notices, contacts, accounting and reports, all as known at one point of the log."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from domain.cases.consignees import Consignee, Got, got_of
from services.cases.notice import as_html, notice_of
from services.cases.pack.archive import Archive
from services.cases.pack.page import Cover, Part, index_html, readme
from services.query.case_json import recall_json
from services.query.questions.recall_accounting import head_of as accounting_head
from services.query.questions.recall_accounting import tables_of
from services.query.questions.recall_consignees import head_of as consignees_head
from services.query.questions.recall_consignees import list_of
from services.query.recall_consignees import NOBODY_NAMED, answered_by, custodies_counted
from services.query.reports import consignee as per_consignee
from services.query.reports.basis import Basis
from services.query.reports.catalogue import KINDS
from services.sheets.cells import listed
from services.sheets.report import Column, Head, Row, Table, all_at_once
from services.sheets.writing import Form, Written, write

OWNERS_MAX = 500
"""Owners that get a list and notices of their own; of more, the report of owners tells."""
_REPORTS = ("affected-units", "consignee", "progress", "fda-status", "nhtsa573", "nhtsa577")
_CONTACTS = (
    Column("consignee", "Consignee", "收货方"),
    Column("name", "Name", "姓名或名称"),
    Column("phones", "Phones", "电话"),
    Column("emails", "E-mail", "电子邮箱"),
    Column("address", "Address", "地址"),
    Column("language", "Language", "语言"),
    Column("note", "Note", "备注"),
)

Contacts = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class _Pack:
    basis: Basis
    contacts: Contacts | None
    archive: Archive = field(default_factory=Archive)
    parts: list[Part] = field(default_factory=list)

    async def sheet(self, part: Part, head: Head, tables: Sequence[Table]) -> None:
        """A report as a file of the pack, in the form that its path ends with."""
        written = await write(head, tables, Form(part.path.rsplit(".", 1)[1]))
        await asyncio.to_thread(self.archive.add, part.path, written.file)
        self.parts.append(part)

    def file(self, part: Part, content: bytes) -> None:
        self.archive.add(part.path, content)
        self.parts.append(part)


async def parties_of(basis: Basis) -> list[str]:
    """Every consignee that is named: whose contacts a pack would have."""
    return sorted(party for party in (await basis.consignees()).found if party)


async def make(basis: Basis, contacts: Contacts | None) -> Written:
    """The pack. `contacts` None: whoever asks may not know them. The same basis and contacts give the same bytes."""
    pack = _Pack(basis, contacts)
    try:
        await _reports(pack)
        left_out = await _consignees(pack)
        if contacts is None:
            left_out.append("联系方式未包含：该密钥无权限 · Contacts are left out: this key may not see them.")
        else:
            await _contacts(pack, contacts)
        cover = Cover(
            case=basis.case,
            point=basis.point,
            told=await basis.accounted(),
            parts=pack.parts,
            left_out=left_out,
        )
        pack.archive.add("index.html", index_html(cover))
        pack.archive.add("README.txt", readme(cover))
        return await asyncio.to_thread(pack.archive.finished)
    except BaseException:
        pack.archive.close()
        raise


async def _reports(pack: _Pack) -> None:
    basis = pack.basis
    told, tree = await basis.accounted(), await basis.consignees()
    case = orjson.dumps(recall_json(basis.case), option=orjson.OPT_INDENT_2)
    pack.file(Part("case.json", "召回档案", "The case and its history"), case)
    for form in (Form.CSV, Form.XLSX):
        path, kind = f"reports/accounting.{form}", form.upper()
        head = accounting_head(basis.case, basis.point)
        await pack.sheet(Part(path, f"去向核算 {kind}", f"Accounting {kind}"), head, tables_of(told))
        path, head = f"reports/consignees.{form}", consignees_head(basis.case, basis.point, None)
        about = Part(path, f"收货方总表 {kind}", f"All consignees {kind}")
        await pack.sheet(about, head, [list_of(tree, answered_by(basis.case))])
        for name in _REPORTS:
            report = KINDS[name]
            part = Part(f"reports/{name}.{form}", f"{report.zh} {kind}", f"{report.en} {kind}")
            await pack.sheet(part, report.head(basis), await report.tables(basis))


async def _consignees(pack: _Pack) -> list[str]:
    """A list and two notices a consignee; what was left out."""
    tree = await pack.basis.consignees()
    owners = [one for one in tree.ordered() if one.owner]
    shown = [one for one in tree.ordered() if not one.owner] + (owners if len(owners) <= OWNERS_MAX else [])
    got = await _got(pack.basis, {one.party for one in shown})
    for number, one in enumerate(shown, 1):
        await _consignee(pack, number, one, got=got.get(one.party, []))
    if len(owners) <= OWNERS_MAX:
        return []
    detail = f"{len(owners)} 位车主或用户未单独列出，见 nhtsa577 报表"
    return [f"{detail} · {len(owners)} owners have no files of their own: see reports/nhtsa577."]


async def _got(basis: Basis, parties: set[str]) -> dict[str, list[Got]]:
    """What each got, in the order of items."""
    found: dict[str, list[Got]] = {}
    async for some in custodies_counted(basis.asked, basis.case, own_party=basis.own_party):
        for one in some:
            for got, party in got_of(one):
                if party in parties:
                    found.setdefault(party, []).append(got)
    return found


async def _consignee(pack: _Pack, number: int, one: Consignee, *, got: Sequence[Got]) -> None:
    basis, who = pack.basis, one.party or NOBODY_NAMED
    name = f"{number:05d}-{re.sub(r'[^A-Za-z0-9]+', '-', who)[:40].strip('-') or 'consignee'}"
    await basis.described([g.item for g in got])
    await basis.descriptions.load("party", [one.party])
    rows: list[Row] = [per_consignee.row_of(basis, one.party, g) for g in got]
    table = Table("items", "Items", "产品清单", per_consignee.COLUMNS, all_at_once(rows))
    head = consignees_head(basis.case, basis.point, one.party)
    await pack.sheet(Part(f"consignees/{name}.csv", "产品清单", "Items", who, len(got)), head, [table])
    as_of = f"{basis.point.recorded_at or ''} ({basis.point.position})"
    contact = (pack.contacts or {}).get(one.party)
    for language, zh, en in (("zh", "通知（中文）", "Notice (Chinese)"), ("en", "通知（英文）", "Notice (English)")):
        document = await asyncio.to_thread(
            notice_of,
            basis.case,
            one,
            got,
            contact=contact,
            as_of=as_of,
            language="zh" if language == "zh" else "en",
        )
        page = as_html(document).encode("utf-8", "replace")
        pack.file(Part(f"notices/{name}.{language}.html", zh, en, who), page)


async def _contacts(pack: _Pack, contacts: Contacts) -> None:
    rows: list[Row] = [
        [
            *(party, told.get("name"), listed(told.get("phones", ())), listed(told.get("emails", ()))),
            *(told.get("address"), told.get("language"), told.get("note")),
        ]
        for party, told in sorted(contacts.items())
    ]
    basis = pack.basis
    head = Head(
        report="contacts",
        en="Contacts (personal data)",
        zh="联系方式（个人信息）",
        query={"recall": basis.case.case_id},
        position=basis.point.position,
        recorded_at=basis.point.recorded_at,
    )
    table = Table("contacts", "Contacts", "联系方式", _CONTACTS, all_at_once(rows))
    await pack.sheet(Part("contacts.csv", "联系方式（个人信息）", "Contacts (personal data)"), head, [table])
