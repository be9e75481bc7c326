"""A stored row of a supplier's notice as a line, with the products it may mean."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from domain.cases.notice_lines import NoticeLine
from domain.events.common import check_number
from domain.ids import InvalidId, ItemId, class_of_supplier
from services.sheets.reading import CellError

FIELDS = ("product", "lot", "date_code", "serial", "last_serial", "quantity", "uom", "remark")


def line_of(row: Mapping[str, Any], *, supplier: str | None) -> NoticeLine:
    """The line. `supplier` None: it is checked only. Raises CellError."""
    given: dict[str, Any] = {name: row[name] for name in FIELDS if row.get(name)}
    quantity = _quantity(given.pop("quantity", None))
    products = _products(given.pop("product", None), supplier)
    try:
        return NoticeLine(row=row["row"], products=products, quantity=quantity, **given)
    except ValueError as error:
        column, _, detail = str(error).partition(": ")
        raise CellError(column, detail) from error


def _quantity(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        found = Decimal(text.replace(" ", ""))
        check_number("quantity", found)
    except (InvalidOperation, ValueError) as error:
        raise CellError("quantity", f"{text[:40]} is no number of 0 or more") from error
    return found


def _products(text: str | None, supplier: str | None) -> tuple[ItemId, ...]:
    """An id or GTIN is one product; a plain number may be ours or the supplier's."""
    if text is None:
        return ()
    try:
        if ":" in text:
            item = ItemId.parse(text)
            return (ItemId(item.material or item),)
        if text.isdigit() and len(text) in (8, 12, 13, 14):
            return (ItemId.parse({"gtin": text}),)
        ours = ItemId.parse({"product": text})
        return (ours, ItemId(class_of_supplier(supplier, text))) if supplier else (ours,)
    except InvalidId as error:
        raise CellError("product", str(error)) from error
