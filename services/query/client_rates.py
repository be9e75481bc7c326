"""How often one client may ask what needs no key: a bounded table of addresses, in this process."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from services.problems import Problem

_CLIENTS_MAX = 10_000
_ROUNDING = 1e-6
_V6_PREFIX = 64
"""Who has one IPv6 address has its whole /64."""


class ClientRates:
    """Questions a minute of each client address; a minute's worth may come at once. 0 sets no limit."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._monotonic = per_minute, monotonic
        self._paid_at: OrderedDict[str, float] = OrderedDict()

    def admit(self, address: str | None) -> None:
        """Count one question. Raises Problem 429, with the time until the next may come; a refusal costs nothing."""
        if not self._per_minute:
            return
        client, now, price = _client(address), self._monotonic(), 60 / self._per_minute
        paid_at = max(self._paid_at.get(client, 0.0), now - 60) + price
        if paid_at > now + _ROUNDING:
            wait_seconds = math.ceil(paid_at - now)
            detail = f"at most {self._per_minute} of these questions a minute from one address: ask again later"
            raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait_seconds)})
        self._paid_at[client] = paid_at
        self._paid_at.move_to_end(client)
        while len(self._paid_at) > _CLIENTS_MAX:
            self._paid_at.popitem(last=False)


def _client(address: str | None) -> str:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, _V6_PREFIX), strict=False))
    return str(ip)
