"""The first page and the readme of an offline pack, Chinese and English. Nothing in them is loaded or run."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from domain.cases.buckets import DONE, Bucket
from domain.cases.recall import RecallCase
from services.query.points import Point
from services.query.recall_accounting import Accounted

BUCKETS: dict[Bucket, str] = {
    Bucket.IN_STOCK: "本企业库存",
    Bucket.IN_PROCESS: "在制",
    Bucket.IN_TRANSIT: "在途",
    Bucket.WITH_CONSIGNEE: "收货方处",
    Bucket.SOLD: "已售",
    Bucket.EXPORTED: "已出口",
    Bucket.RETURNED: "已退回",
    Bucket.CLEARED: "检查合格",
    Bucket.REMEDIED: "已补救",
    Bucket.DESTROYED: "已销毁",
    Bucket.SCRAPPED_BEFORE: "召回前已报废",
    Bucket.LOST: "丢失",
    Bucket.UNREACHABLE: "无法联系",
    Bucket.UNKNOWN: "不明",
}
_MODES = {
    "live": None,
    "draft": "草稿，尚未决定 · DRAFT: not decided",
    "mock": "演练，非真实召回 · EXERCISE: this is not a real recall",
}
_STYLE = (
    "body{font:11pt/1.5 'Noto Sans','Noto Sans CJK SC','Microsoft YaHei',sans-serif;max-width:240mm;margin:10mm auto;"
    "padding:0 5mm}h1{font-size:18pt}h2{font-size:13pt;margin-top:1.2em}table{border-collapse:collapse}"
    "td,th{border:1px solid #888;padding:2px 8px;text-align:left;overflow-wrap:anywhere}"
    ".mode{border:3px solid #c00;padding:6px;font-weight:bold;color:#c00}td.n{text-align:right}"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the pack as its pages name it; `who` is the consignee it is for."""

    path: str
    zh: str
    en: str
    who: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What the first page tells."""

    case: RecallCase
    point: Point
    told: Accounted
    parts: Sequence[Part]
    left_out: Sequence[str]
    """What the pack does not have, and why: nothing is left out in silence."""


def index_html(cover: Cover) -> bytes:
    """The first page: opens in any browser, from a stick, without a network."""
    case, found = cover.case, cover.told.accounting
    banner = _MODES[case.mode]
    parts = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">',
        f"<title>{escape(case.case_id)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>召回离线包 · Recall offline pack: {escape(case.about.title)}</h1>",
    ]
    parts += [f'<p class="mode">{escape(banner)}</p>'] if banner else []
    about = [
        ("召回编号 · Recall", case.case_id),
        ("状态 · State", str(case.state)),
        ("产品 · Product", case.about.product),
        ("危害 · Hazard", case.about.hazard),
        ("原因 · Defect", case.about.defect),
        ("联系方式 · Contact", case.about.contact),
        ("数据截至 · As of", f"{cover.point.recorded_at or '–'} ({cover.point.position})"),
        ("受影响数量 · Affected units", str(found.population)),
        ("未完成 · Outstanding", str(sum(found.buckets[b] for b in Bucket if b not in DONE))),
    ]
    parts.append(_table((), [[name, value or "–"] for name, value in about]))
    parts.append("<h2>去向 · Where they are</h2>")
    parts.append(_table((), [[f"{zh} · {bucket}", str(found.buckets[bucket])] for bucket, zh in BUCKETS.items()]))
    parts.append("<h2>报表 · Reports</h2><ul>")
    parts += [f"<li>{_link(p)}</li>" for p in cover.parts if p.who is None]
    parts.append("</ul><h2>收货方 · Consignees</h2>")
    parts.append(_consignees(cover.parts))
    parts += [f"<p>{escape(line)}</p>" for line in cover.left_out]
    return "".join([*parts, "</body></html>\n"]).encode("utf-8", "replace")


def _consignees(parts: Sequence[Part]) -> str:
    by_party: dict[str, list[Part]] = {}
    for part in parts:
        if part.who is not None:
            by_party.setdefault(part.who, []).append(part)
    rows = []
    for who, theirs in by_party.items():
        count = next((p.count for p in theirs if p.count is not None), None)
        links = " · ".join(_link(p) for p in theirs)
        number = f'<td class="n">{"" if count is None else count}</td>'
        rows.append(f"<tr><td>{escape(who)}</td>{number}<td>{links}</td></tr>")
    head = "<tr><th>收货方 · Consignee</th><th>件数 · Items</th><th>文件 · Files</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _link(part: Part) -> str:
    return f'<a href="{escape(part.path, quote=True)}">{escape(f"{part.zh} · {part.en}")}</a>'


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(h)}</th>" for h in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"


def readme(cover: Cover) -> bytes:
    """README.txt."""
    banner = _MODES[cover.case.mode]
    lines = [
        f"召回离线包 Recall offline pack: {cover.case.case_id}",
        *([banner] if banner else []),
        f"数据截至 As of: {cover.point.recorded_at or '-'} ({cover.point.position})",
        "",
        "打开 index.html，无需网络。reports/ 是各类报表，consignees/ 是每个收货方各自的产品清单，",
        "notices/ 是可打印的召回通知。",
        "contacts.csv 含个人信息，仅在有权限时提供：请加密保存，召回结束后删除。",
        "校验完整性：sha256sum -c MANIFEST.sha256",
        "",
        "Open index.html; no network is needed. reports/ has the reports, consignees/ a list for each consignee with",
        "only their items, notices/ the notices to print. contacts.csv holds personal data and is there only for keys",
        "that may see it: keep it encrypted, delete it when the recall is over.",
        "Check that all is whole: sha256sum -c MANIFEST.sha256",
        "",
        *cover.left_out,
    ]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig", "replace")
