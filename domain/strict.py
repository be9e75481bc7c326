"""How the edge's validator treats the domain's dataclasses; the domain itself does not import it."""

from typing import Any

STRICT: dict[str, Any] = {"extra": "forbid"}
"""Read by the edge's validator: an unknown field is an error that names it, never silently dropped."""
