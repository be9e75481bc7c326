"""What the phases of a run share: the run under way, and the form in which they tell events."""

import random
from dataclasses import dataclass

from services.factory.names import Event, Names
from services.factory.story import CHANGEOVER_EVERY

Told = tuple[int, str, Event]
"""(seconds since the run began, source, the event without its time)"""

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way: its names, its luck, and whether the demo's story happens in it.

    `lanes`: how many runs may be under way at once, each with a line, a tank and testers; 0: these are not told.
    """

    names: Names
    chance: random.Random
    is_story: bool
    lanes: int = 0

    @property
    def changes_over(self) -> bool:
        """Whether it goes on with a second cell lot."""
        return self.names.number % CHANGEOVER_EVERY == 0

    def id_of(self, source: str, what: str) -> str:
        """An event id as its source would make it."""
        return f"{source}:{self.names.tag}:{what}"
