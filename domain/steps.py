"""What a business step means for status, quantity and order (CBV 2.0 §7.1; SEMANTICS §2 rank, §4 status)."""

from domain.facts import Flow, Status

STATUS_OF_STEP: dict[str, Status] = {
    "commissioning": Status.IN_STOCK,
    "creating_class_instance": Status.IN_STOCK,
    "receiving": Status.IN_STOCK,
    "accepting": Status.IN_STOCK,
    "storing": Status.IN_STOCK,
    "stocking": Status.IN_STOCK,
    "cycle_counting": Status.IN_STOCK,
    "stock_taking": Status.IN_STOCK,
    "void_shipping": Status.IN_STOCK,
    "shipping": Status.IN_TRANSIT,
    "departing": Status.IN_TRANSIT,
    "retail_selling": Status.SOLD,
    "dispensing": Status.SOLD,
    "decommissioning": Status.SCRAPPED,
    "destroying": Status.DESTROYED,
}

STATUS_OF_DISPOSITION: dict[str, Status] = {
    "in_transit": Status.IN_TRANSIT,
    "retail_sold": Status.SOLD,
    "dispensed": Status.SOLD,
    "returned": Status.RETURNED,
    "destroyed": Status.DESTROYED,
    "disposed": Status.SCRAPPED,
    "inactive": Status.SCRAPPED,
}

FLOW_OF_STATUS: dict[Status, Flow] = {
    Status.IN_STOCK: Flow.MOVE,
    Status.IN_TRANSIT: Flow.SHIP,
    Status.SOLD: Flow.SELL,
    Status.RETURNED: Flow.RETURN,
    Status.SCRAPPED: Flow.SCRAP,
    Status.DESTROYED: Flow.DESTROY,
}

RANK_OF_STATUS: dict[Status, int] = {
    Status.IN_TRANSIT: 3,
    Status.SOLD: 5,
    Status.RETURNED: 6,
    Status.SCRAPPED: 7,
    Status.DESTROYED: 7,
}


def status_of(biz_step: str | None, disposition: str | None) -> Status | None:
    """The status a step and disposition give what the event speaks of; None where they say nothing of it.

    The step decides; `receiving` with disposition `returned` is a return. A disposition alone counts as well.
    """
    step = STATUS_OF_STEP.get(biz_step or "")
    if step is Status.IN_STOCK and disposition == "returned":
        return Status.RETURNED
    return step if step is not None else STATUS_OF_DISPOSITION.get(disposition or "")


def flow_of(biz_step: str | None, status: Status | None) -> Flow:
    """What such an event does to a lot's quantities."""
    if biz_step in ("commissioning", "creating_class_instance"):
        return Flow.ENTER
    if biz_step in ("receiving", "accepting") and status is Status.IN_STOCK:
        return Flow.RECEIVE
    return FLOW_OF_STATUS.get(status, Flow.NONE) if status is not None else Flow.NONE
