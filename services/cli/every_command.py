"""Every command of `zhuisu`, in the order in which the help shows them."""

from collections.abc import Callable, Mapping

import typer

from services.cli import (
    administering,
    asking,
    balancing,
    contacting,
    incidents,
    operating,
    recall_asking,
    recall_at_sites,
    recall_responding,
    recalling,
    running,
)


def add_all(app: typer.Typer) -> None:
    """Add them to the command."""
    starting: tuple[Callable[..., None], ...] = (running.up, running.demo, running.ingest)
    for function in starting:
        app.command()(function)
    app.add_typer(_group("Trace a unit back to its sources, or a lot forward to all it reached.", {
        "back": asking.back, "forward": asking.forward}), name="trace")  # fmt: skip
    questions: tuple[Callable[..., None], ...] = (
        asking.exposure,
        asking.items,
        asking.item,
        balancing.balance,
        asking.timeline,
        asking.status,
    )
    for function in questions:
        app.command()(function)
    app.add_typer(_group("API keys: who may post, read, correct, recall and administer.", {
        "create": administering.keys_create, "list": administering.keys_list, "revoke": administering.keys_revoke,
    }), name="keys")  # fmt: skip
    app.add_typer(_group("Who a party is and how to reach them: kept apart from the log, and erasable.", {
        "list": contacting.contacts_list, "set": contacting.contacts_set,
        "erase": contacting.contacts_erase, "import": contacting.contacts_import,
    }), name="contacts")  # fmt: skip
    app.add_typer(_group("Events that could not be applied: see why, send them again, or settle them.", {
        "list": operating.dead_letters_list, "replay": operating.dead_letters_replay,
        "settle": operating.dead_letters_settle,
    }), name="dead-letters")  # fmt: skip
    app.add_typer(_group("Recalls, from suspicion to closure: scope, freeze, approve, notify, account, close.", {
        "open": recalling.open_case, "describe": recalling.describe, "scope": recalling.scope,
        "preview": recalling.preview, "freeze": recalling.freeze, "approve": recalling.approve,
        "list": recalling.cases_list, "show": recalling.show, "units": recall_asking.units,
        "delta": recall_asking.delta, "alerts": recall_asking.alerts,
        "explain": recall_asking.explain, "at-sites": recall_at_sites.at_sites,
        "notify": recall_responding.notify, "respond": recall_responding.respond,
        "consignees": recall_asking.consignees, "account": recall_asking.account, "clocks": recall_asking.clocks,
        "report": recall_asking.report, "pack": recall_asking.pack, "check": recall_asking.check,
        "stop": recalling.stop, "close": recalling.close, "reopen": recalling.reopen,
    }), name="recall")  # fmt: skip
    app.add_typer(_group("Major quality incidents: reported, with clocks, linked to items and recalls.", {
        "open": incidents.incident_open, "report": incidents.incident_report, "close": incidents.incident_close,
        "list": incidents.incident_list, "show": incidents.incident_show,
    }), name="incident")  # fmt: skip
    for function in (incidents.drill, recall_asking.holds):
        app.command()(function)
    roles: tuple[Callable[..., None], ...] = (
        operating.rebuild,
        running.migrate,
        running.projector,
        running.query,
        running.cases,
    )
    for function in roles:
        app.command()(function)


def _group(text: str, commands: Mapping[str, Callable[..., None]]) -> typer.Typer:
    group = typer.Typer(help=text, no_args_is_help=True)
    for name, function in commands.items():
        group.command(name)(function)
    return group
