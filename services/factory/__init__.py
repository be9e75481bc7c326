"""The demo factory: e-bike batteries and bikes, as the events that its four systems would post."""

from services.factory.names import Event
from services.factory.posting import SOURCES, Posted, generate
from services.factory.story import BOARDS_IN_DOUBT, DemoFacts, about

__all__ = ["BOARDS_IN_DOUBT", "SOURCES", "DemoFacts", "Event", "Posted", "about", "generate"]
