"""Scope rules as they are sent: read, or refused by the member that is wrong."""

from typing import Any

from domain.cases.scope import Exposed, InvalidRule, Rule, leaves_of
from domain.cases.scope_reading import parse_rule
from services.access import Caller
from services.problems import Problem
from services.query.exposure_asked import exposure_of

_OF_THE_LEAF = ("mode", "at", "as_of", "follow")


def rule_of(document: Any, caller: Caller | None = None) -> Rule:
    """The rule that a document writes; ids without an issuer are those of the caller. Raises Problem 422."""
    try:
        rule = parse_rule(
            document,
            own_party=caller.own_party if caller is not None else None,
            zone=caller.zone if caller is not None else None,
        )
    except InvalidRule as error:
        raise Problem(422, "invalid-rule", str(error)) from error
    for leaf in leaves_of(rule):
        if isinstance(leaf, Exposed):
            wrong = [name for name in _OF_THE_LEAF if name in leaf.asked]
            if wrong:
                raise Problem(422, "invalid-rule", f"exposure.{wrong[0]}: belongs beside exposure, not into it")
            try:
                exposure_of(leaf.asked)
            except Problem as error:
                raise Problem(422, "invalid-rule", f"exposure: {error.detail}") from error
    return rule
