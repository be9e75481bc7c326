"""What the reports of one recall at one point are made of, each part read once and only if it is asked for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from domain.cases.consignees import Consignees
from domain.cases.recall import RecallCase
from domain.ids import ItemId
from services.query.descriptions import Descriptions
from services.query.points import Point
from services.query.recall_accounting import Accounted, accounted
from services.query.recall_consignees import consignees
from services.query.snapshot import Asked
from services.sheets.cells import listed
from services.sheets.report import Head, Table


class Basis:
    """One recall as known at one point. `parameters` are those of the report, `earlier` is the point of `from`."""

    def __init__(
        self,
        asked: Asked,
        point: Point,
        *,
        case: RecallCase,
        own_party: str,
        parameters: Mapping[str, str],
        earlier: "Basis | None" = None,
    ) -> None:
        self.asked, self.point, self.case, self.own_party = asked, point, case, own_party
        self.parameters, self.earlier = parameters, earlier
        self.descriptions = Descriptions(asked)
        self._accounted: Accounted | None = None
        self._consignees: Consignees | None = None

    async def accounted(self) -> Accounted:
        """Where every affected unit is."""
        if self._accounted is None:
            self._accounted = await accounted(self.asked, self.case, own_party=self.own_party)
        return self._accounted

    async def consignees(self) -> Consignees:
        """Who got affected items."""
        if self._consignees is None:
            self._consignees = await consignees(self.asked, self.case, own_party=self.own_party)
        return self._consignees

    async def described(self, items: Sequence[ItemId]) -> None:
        """Have the descriptions of the items' products at hand."""
        await self.descriptions.load("product", {i.material or i for i in items})

    def product(self, item: ItemId) -> str | None:
        """Name, model and category of an item's product, as described then."""
        return self.descriptions.product(item, at_us=self.point.recorded_us)


Tables = Callable[[Basis], Awaitable[Sequence[Table]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A report there is. `takes` are its own parameters, with what they mean."""

    name: str
    en: str
    zh: str
    takes: Mapping[str, str]
    tables: Tables

    def head(self, basis: Basis) -> Head:
        """What stands beside its rows. Whoever reads a mock or a draft must see that it is one."""
        case = basis.case
        frozen = case.frozen.frozen if case.frozen is not None else None
        notes = basis.point.notes | {"title": case.about.title, "state": str(case.state)}
        notes["mode"] = f"{case.mode}{_MODES[case.mode]}"
        if frozen is None:
            notes["set"] = "NOTHING IS FROZEN YET 尚未冻结"
        else:
            notes |= {"set": f"freeze {frozen.freeze}", "set_sha256": frozen.sha256}
            if frozen.incomplete_because:
                notes["set_incomplete_because"] = listed(frozen.incomplete_because)
        return Head(
            report=self.name,
            en=self.en,
            zh=self.zh,
            query={"recall": case.case_id, **basis.parameters},
            position=basis.point.position,
            recorded_at=basis.point.recorded_at,
            notes=notes,
        )


_MODES = {"live": "", "draft": ": NOT DECIDED 草稿", "mock": ": EXERCISE, NO RECALL 模拟召回演练"}
