"""Instants as RFC 3339, many at once: what `domain.moments.iso` gives."""

import numpy as np

from services.query.graph.groups import Ints

_SECOND_US = 1_000_000


def iso_texts(instants_us: Ints) -> list[str]:
    """In UTC; fractions of a second only where there are any."""
    at = instants_us.astype("datetime64[us]")
    whole = instants_us % _SECOND_US == 0
    found = np.empty(len(at), dtype=object)
    found[whole] = np.datetime_as_string(at[whole].astype("datetime64[s]"))
    found[~whole] = np.datetime_as_string(at[~whole], unit="us")
    return [f"{text}Z" for text in found.tolist()]
