"""By when items came forth, where one event alone brought them forth (`domain.uses.Uses.born_us`), for all at once."""

import numpy as np

from domain.facts import Role
from domain.links import NEVER_US
from services.query.graph.graph import Events, Mentions
from services.query.graph.groups import Bools, Ints, any_by, pairs


def births(events: Events, mentions: Mentions, *, thing: Ints, reworks: Bools) -> Ints:
    """By item; NEVER where it was there before, or that is not known. `thing`: the least of each item's names."""
    count = len(thing)
    of_thing, out = thing[mentions.item], mentions.role == Role.OUTPUT
    made = np.unique(pairs(of_thing[out], mentions.event[out]))
    whose, event = made >> 32, made & 0xFFFFFFFF
    making = np.full(count, -1, dtype=np.int64)
    making[whose] = event
    once = np.bincount(whose, minlength=count) == 1
    once[once] &= ~reworks[making[once]]
    its = making[of_thing]
    before = (its >= 0) & (mentions.role != Role.SUBJECT) & (mentions.event != its)
    before[before] = events.latest_us[mentions.event[before]] < events.begins_us[its[before]]
    once &= ~any_by(of_thing, before, count)
    found = np.full(count, NEVER_US, dtype=np.int64)
    born = once[thing]
    found[born] = events.latest_us[making[thing[born]]]
    return found
