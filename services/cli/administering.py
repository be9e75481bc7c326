"""Commands that administer keys, over HTTP."""

from typing import Annotated, Any

import typer

from services.cli.client import Service
from services.cli.options import AsJson, Key, Url, hand_of
from services.cli.showing import plain_table


def keys_create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    role: Annotated[list[str], typer.Option(help="capture, correct, read, recall or admin; repeat for several.")],
    *,
    source: Annotated[str | None, typer.Option(help="What its events say they come from; else the name.")] = None,
    site: Annotated[list[str] | None, typer.Option(help="A site it may see; repeat for several; none: all.")] = None,
    zone: Annotated[str | None, typer.Option(help="Zone of times without offset, e.g. Asia/Shanghai.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its value is shown once and kept nowhere.

    Example: zhuisu keys create mes-1 --role capture --zone Asia/Shanghai
    """
    hand = hand_of(context, as_json=as_json)
    wanted = {"name": name, "roles": role, "source": source, "zone": zone, **({"sites": site} if site else {})}
    answer = Service(hand, url, key).ask("POST", "/v1/keys", json=wanted)
    if hand.as_json:
        hand.json(answer)
        return
    hand.tell("Key {id} for {name}, shown this once:", id=answer["key_id"], name=name)
    hand.out.print(answer["key"], soft_wrap=True, highlight=False, markup=False)


def keys_list(context: typer.Context, url: Url = None, *, key: Key = None, as_json: AsJson = False) -> None:
    """All keys, revoked ones too, without their values."""
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("GET", "/v1/keys")
    if hand.as_json:
        hand.json(answer)
        return
    headings = ("key", "name", "source", "roles", "sites", "zone", "made", "revoked")
    hand.out.print(plain_table(headings, [_cells(one) for one in answer["keys"]], hand.say))


def keys_revoke(
    context: typer.Context,
    key_id: Annotated[int, typer.Argument(help="Its number in `zhuisu keys list`.")],
    url: Url = None,
    *,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take a key back; it ends everywhere within seconds."""
    hand = hand_of(context, as_json=as_json)
    answer = Service(hand, url, key).ask("DELETE", f"/v1/keys/{key_id}")
    if hand.as_json:
        hand.json(answer)
    else:
        hand.tell("Key {id} is revoked", id=key_id)


def _cells(key: dict[str, Any]) -> list[object]:
    days = [(key[name] or "")[:10] for name in ("created_at", "revoked_at")]
    roles, sites = ", ".join(key["roles"]), ", ".join(key["sites"] or ())
    return [key["key_id"], key["name"], key["source"], roles, sites, key["zone"], *days]
