"""Holders are pseudonyms: what is plainly a person's name, number or address is refused before it is in the log.

The log cannot forget (docs/semantics.md, "Personal data"). Only what no id looks like is refused; the rest is the
sender's duty.
"""

import re

from domain import events as ev

_ADVICE = (
    "send a pseudonymous id, e.g. urn:example:holder:7f3a or customer-7f3a; "
    "names, phone numbers and addresses go to PUT /v1/contacts/{party}, which can be erased"
)
# White space; an e-mail address; a Chinese mobile or an international number; a Chinese identity card (GB 11643).
_PERSONAL = {
    "words with spaces": re.compile(r"\s"),
    "an e-mail address": re.compile(r"^(mailto:)?[^@\s:/]+@[^@\s]+\.[^@\s]+$", re.IGNORECASE),
    "a phone number": re.compile(r"^(tel:.*|\+[\d() .-]{7,}|(00)?(86)?1[3-9]\d{9})$", re.IGNORECASE),
    "an identity card number": re.compile(
        r"^\d{6}(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{3}[\dX]$", re.IGNORECASE
    ),
}
_IN_WORDS = {
    "an e-mail address": re.compile(r"[^\s@:/]+@[^\s@]+\.[^\s@]+"),
    "a phone number": re.compile(r"(?<!\d)((00)?86|\+86)?1[3-9]\d{9}(?!\d)"),
    "an identity card number": re.compile(r"(?<!\d)\d{6}(19|20)\d\d(0[1-9]|1[0-2])\d{5}[\dXx](?!\d)"),
}


def personal_field(event: ev.LifecycleEvent) -> tuple[str, str, str] | None:
    """The field that holds personal data instead of an id, what it looks like, and the fix; None where all is well."""
    match event:
        case ev.Sold(holder=str(holder)):
            field, value = "holder", holder
        case ev.Returned(returned_by=str(holder)):
            field, value = "returned_by", holder
        case ev.Complained(complainant=str(holder)):
            field, value = "complainant", holder
        case _:
            return _in_words(event)
    for what, pattern in _PERSONAL.items():
        if pattern.search(value):
            return field, f"{field} looks like {what}, not an id", _ADVICE
    return _in_words(event)


def _in_words(event: ev.LifecycleEvent) -> tuple[str, str, str] | None:
    """What a complaint's words betray of somebody; names in them no pattern would find."""
    if not isinstance(event, ev.Complained) or event.symptom is None:
        return None
    for what, pattern in _IN_WORDS.items():
        if pattern.search(event.symptom):
            return "symptom", f"symptom holds {what}", f"say what is wrong with the item, and {_ADVICE}"
    return None
