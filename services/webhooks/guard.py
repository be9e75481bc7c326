"""Where a webhook may call: never into the networks of whoever runs this service (SSRF).

A name is resolved once, every address it has is judged, and the call goes to a judged address: a second answer of the
name server (DNS rebinding) is never asked for. Own networks (a WMS in the plant) are let in by name, one CIDR each.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from services.problems import Problem

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text. Raises OSError."""

URL_CHARS_MAX = 2_000

# Metadata and wire services of clouds, which no list of own networks opens. All link-local ones are refused beside.
_NEVER = frozenset(
    ipaddress.ip_address(a) for a in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(Exception):
    """The URL leads where no webhook may. The message says why, without telling what was found there."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one call goes: the address to connect to, and the name it is meant for."""

    address: str
    host: str
    port: int
    target: str
    scheme: str

    @property
    def url(self) -> str:
        """The URL with the judged address in place of the name."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{host}:{self.port}{self.target}"

    @property
    def host_header(self) -> str:
        usual = {"https": 443, "http": 80}[self.scheme]
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == usual else f"{name}:{self.port}"


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def networks(text: str) -> tuple[Network, ...]:
    """CIDRs separated by commas. Raises ValueError that names the wrong one."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def parsed(url: str) -> SplitResult:
    """The parts of a URL a webhook could have. Raises Refused."""
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(f"a URL has at most {URL_CHARS_MAX} printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"it is no URL: {error}") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise Refused("give an https URL with a host: https://wms.example.com/zhuisu")
    if parts.username is not None or parts.password is not None:
        raise Refused("leave user and password out: calls are signed instead")
    if parts.fragment:
        raise Refused("leave the fragment (#…) out: it is never sent")
    return parts


async def destination(url: str, *, own: Sequence[Network], resolver: Resolve = resolve) -> Destination:
    """Where a call to `url` may go now. Raises Refused."""
    parts = parsed(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = [ipaddress.ip_address(a.partition("%")[0]) for a in await resolver(host, port)]
    except (OSError, UnicodeError, ValueError) as error:
        raise Refused(f"the name {host} has no address: look at its spelling and at DNS") from error
    if not found or not all(may_be_called(a, own=own) for a in found):
        raise Refused(
            f"{host} leads to an address that is private, local or reserved: use a public one, or have an operator "
            "list its network in ZHUISU_WEBHOOK_NETWORKS"
        )
    if parts.scheme == "http" and not all(_is_own(a, own) for a in found):
        raise Refused("use https: plain http is for the networks in ZHUISU_WEBHOOK_NETWORKS alone")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(str(found[0]), host, port, target, parts.scheme)


def may_be_called(address: Address, *, own: Sequence[Network] = ()) -> bool:
    """Whether a call may go there: public, or in an own network; and so must be every address it hides."""
    inner = _inner(address)
    if inner is not None:
        return may_be_called(inner, own=own)
    if address in _NEVER or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return _is_own(address, own) or (address.is_global and not address.is_reserved)


def _is_own(address: Address, own: Sequence[Network]) -> bool:
    inner = _inner(address) or address
    return any(inner in network for network in own)


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def checked(url: str, *, own: Sequence[Network]) -> None:
    """Problem 422 for a URL that no call may go to now."""
    try:
        await destination(url, own=own)
    except Refused as error:
        raise Problem(422, "webhook-url-refused", f"url: {error}") from error
