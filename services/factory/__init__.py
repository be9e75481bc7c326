"""The demo factory: e-bike batteries and bikes, as the events that its four systems would post."""

from services.factory.names import Event
from services.factory.posting import SOURCES, Posted, generate
from services.factory.story import DemoFacts, about

__all__ = ["SOURCES", "DemoFacts", "Event", "Posted", "about", "generate"]
