"""What a caller is told while the database is away."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.database import UNREACHABLE
from services.problems import Problem


@contextmanager
def refused_while_away() -> Iterator[None]:
    """Problem 503 where the database cannot be asked."""
    try:
        yield
    except UNREACHABLE as error:
        detail = "the database cannot be asked: try again"
        raise Problem(503, "database-unavailable", detail, headers={"Retry-After": "2"}) from error
