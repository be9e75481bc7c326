"""Contacts from the command line."""

import json
from pathlib import Path

import httpx

from services.cli.options import REFUSED, USAGE
from tests.cli.conftest import KEY
from tests.cli.running import Ran, zhuisu_beside

PARTY = "https://id.gs1.org/417/9521234000013"


async def test_contacts_are_set_listed_imported_and_erased(service: httpx.AsyncClient, tmp_path: Path) -> None:
    async def contacts(*arguments: str) -> Ran:
        return await zhuisu_beside("contacts", *arguments, "--url", str(service.base_url), "--key", KEY)

    stored = await contacts("set", PARTY, "--name", "Dealer", "--phone", "021-5555 5555", "--phone", "+86 139 000")
    assert (stored.code, stored.out) == (0, f"The contact of {PARTY} is stored\n")
    assert (await contacts("set", PARTY)).code == REFUSED
    sheet = tmp_path / "owners.csv"
    sheet.write_text("party,name,emails\nowner-1,Li,li@example.com\nowner-2,,\n")
    imported = await contacts("import", str(sheet))
    assert (imported.code, imported.out) == (REFUSED, "1 contacts stored\n")
    assert "row 2" in imported.err
    sheet.write_text("party,name\nowner-2,\n")
    assert "row 1" in (await contacts("import", str(sheet))).err
    assert (await contacts("import", str(tmp_path / "none.xlsx"))).code == USAGE
    assert (await contacts("import", str(tmp_path / "none.csv"))).code == USAGE
    shown = await contacts("list", PARTY, "owner-1", "owner-3")
    assert "Dealer" in shown.out
    assert "li@example.com" in shown.out
    assert "There is no contact of owner-3" in shown.out
    erased = await contacts("erase", PARTY, "--json")
    assert json.loads(erased.out) == {"party": PARTY}
    assert (await contacts("erase", PARTY)).code == REFUSED
