"""The service the commands ask: the one of the HTTP tests."""

from tests.http.conftest import KEY, service

__all__ = ["KEY", "service"]
