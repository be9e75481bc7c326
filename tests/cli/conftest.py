"""The service the commands ask: the one of the HTTP tests."""

from tests.http.conftest import KEY, service, service_url

__all__ = ["KEY", "service", "service_url"]
