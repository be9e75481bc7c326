"""Commands for contacts: who a party is and how to reach them, kept apart from the log and erasable."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.cli.client import Service
from services.cli.files import FileError, kind_of_file, read_bytes
from services.cli.options import REFUSED, USAGE, AsJson, Hand, Key, Url, hand_of
from services.cli.showing import plain_table

Party = Annotated[str, typer.Argument(help="The party's id, as events name it.")]
_CONTENT_TYPES = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".json": "application/json"}


def contacts_list(
    context: typer.Context,
    parties: Annotated[list[str], typer.Argument(help="One or more parties, as events name them.")],
    *,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """How to reach some parties. That you read it is recorded.

    Example: zhuisu contacts list customer-a3ffda19 customer-b60b72e5
    """
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", "/v1/contacts", params={"party": parties})
    if hand.as_json:
        hand.json(answer)
        return
    headings = ("party", "name", "phones", "emails", "address", "language", "note")
    hand.out.print(plain_table(headings, [_cells(one) for one in answer["contacts"]], hand.say))
    for party in answer["unknown"]:
        hand.tell("There is no contact of {party}", party=party)


def contacts_set(
    context: typer.Context,
    party: Party,
    *,
    name: Annotated[str | None, typer.Option(help="Their name.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="A phone number; repeat for several.")] = None,
    email: Annotated[list[str] | None, typer.Option(help="An e-mail address; repeat for several.")] = None,
    address: Annotated[str | None, typer.Option(help="Their postal address.")] = None,
    language: Annotated[str | None, typer.Option(help="The language they read, e.g. zh-CN.")] = None,
    note: Annotated[str | None, typer.Option(help="A note.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Say how to reach a party; what was there before is replaced.

    Example: zhuisu contacts set customer-a3ffda19 --name 王小明 --phone "+86 138 0000 0000" --language zh-CN
    """
    hand = hand_of(context, as_json=as_json)
    given = {"name": name, "phones": phone, "emails": email, "address": address, "language": language, "note": note}
    Service(hand, url, key).ask("PUT", _path(party), json={field: value for field, value in given.items() if value})
    _told(hand, "The contact of {party} is stored", party)


def contacts_erase(
    context: typer.Context, party: Party, *, url: Url = None, key: Key = None, as_json: AsJson = False
) -> None:
    """Forget how to reach a party, for good. Who did so and when is kept.

    Example: zhuisu contacts erase customer-a3ffda19
    """
    hand = hand_of(context, as_json=as_json)
    Service(hand, url, key).ask("DELETE", _path(party))
    _told(hand, "The contact of {party} is erased", party)


def contacts_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .csv, .ndjson or .json file, also .gz.")],
    *,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Store the contacts of a file; what is wrong is told by row, and the rest is stored.

    A sheet has the columns party, name, phones, emails, address, language, note; several phones are divided by ;
    Example: zhuisu contacts import owners.csv
    """
    hand = hand_of(context, as_json=as_json)
    content_type = _CONTENT_TYPES.get(kind_of_file(file))
    if content_type is None:
        hand.fail(USAGE, "{file}: contacts come as .csv, .ndjson or .json", file=file)
    try:
        body = read_bytes(file)
    except FileError as error:
        hand.fail(USAGE, "{error}", error=error)
    service = Service(hand, url, key)
    answer = service.ask("POST", "/v1/contacts", content=body, headers={"Content-Type": content_type})
    if hand.as_json:
        hand.json(answer)
    else:
        hand.tell_rejected(answer["rejected"])
    hand.tell("{count} contacts stored", count=answer["written"])
    raise typer.Exit(REFUSED if answer["rejected"] else 0)


def _path(party: str) -> str:
    return f"/v1/contacts/{quote(party, safe='')}"


def _told(hand: Hand, english: str, party: str) -> None:
    if hand.as_json:
        hand.json({"party": party})
    else:
        hand.tell(english, party=party)


def _cells(contact: dict[str, Any]) -> list[object]:
    several = [", ".join(contact.get(name, ())) for name in ("phones", "emails")]
    return [contact["party"], contact.get("name"), *several, *(contact.get(n) for n in ("address", "language", "note"))]
