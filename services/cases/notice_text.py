"""The words of a notice, Chinese and English: 21 CFR 7.49 to accounts, (EU) 2024/1435 to consumers."""

from typing import Literal

Language = Literal["zh", "en"]

HEADINGS: dict[str, tuple[str, str]] = {
    "title": ("产品安全召回通知", "Product safety recall"),
    "mock": ("演练，非真实召回", "EXERCISE: this is not a real recall"),
    "draft": ("草稿，请勿发送", "DRAFT: do not send"),
    "to": ("收件方", "To"),
    "recall": ("召回编号", "Recall number"),
    "date": ("信息截止", "As of"),
    "product": ("产品名称", "Product"),
    "brand": ("品牌", "Brand"),
    "model": ("型号规格", "Model, size"),
    "picture": ("产品图片", "Picture"),
    "numbers": ("受影响的序列号和批号", "Serial and lot numbers concerned"),
    "where_to_find": ("编号所在位置", "Where to find these numbers"),
    "sold": ("销售地点和时间", "Where and when it was sold"),
    "hazard": ("危害", "Hazard"),
    "defect": ("召回原因", "Reason"),
    "classification": ("召回级别", "Classification"),
    "stop": ("立即停止使用和销售", "Stop use and distribution at once"),
    "sub_recall": ("通知您的客户", "Tell your own customers"),
    "what_to_do": ("如何处理产品", "What to do with the product"),
    "remedies": ("补救措施", "Remedies"),
    "report_back": ("如何答复", "How to report back"),
    "contact": ("联系方式", "Contact"),
}
"""Chinese and English of each section."""

STOP: tuple[str, str] = (
    "请立即停止使用、销售和发运下列产品，并单独存放。",
    "Stop using, selling and shipping the products listed below at once, and keep them apart.",
)
SUB_RECALL: tuple[str, str] = (
    "如您已将下列产品转交他人，请立即将本通知转告他们。已知去向：{to}",
    "If you passed any of these products on, tell those who got them at once. Recorded as passed on to: {to}",
)
NOBODY: tuple[str, str] = ("无记录", "nobody recorded")
REPORT: tuple[str, str] = (
    "请答复：是否收到本通知、现存数量、已退回或已处理的数量；没有存货也请答复。",
    "Answer that you got this notice, how many you have on hand, and how many were sent back or seen to; also if none.",
)
TO_COMPLETE: tuple[str, str] = ("【待补充】", "[to be completed]")
ITEM_HEADINGS: tuple[tuple[str, str], ...] = (
    ("追溯单元", "Item"),
    ("数量", "Quantity"),
    ("到货或发运时间", "Received or shipped"),
    ("转交给", "Passed on to"),
)
REMEDIES: dict[str, tuple[str, str]] = {
    "label": ("补充警示标签", "Warning label"),
    "repair": ("维修", "Repair"),
    "replace": ("更换", "Replacement"),
    "refund": ("退款", "Refund"),
    "destroy": ("销毁", "Destruction"),
    "software_update": ("软件升级", "Software update"),
}

SOOTHING = (
    *("voluntary", "precautionary", "discretionary", "out of an abundance of caution", "rare", "specific situations"),
    *("自愿", "预防性", "极少数", "个别情况"),
)
"""Words that make a hazard look small: (EU) 2023/988, Article 36(2)(c), forbids them in a notice."""


def word(pair: tuple[str, str], language: Language) -> str:
    """One of the two."""
    return pair[0] if language == "zh" else pair[1]
