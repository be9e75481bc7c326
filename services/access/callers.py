"""Callers: who is asking, and what they may."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a key may do. `admin` implies all others."""

    CAPTURE = "capture"
    CORRECT = "correct"
    READ = "read"
    RECALL = "recall"
    ADMIN = "admin"


OWN_SOURCE = "zhuisu"
"""Who does what the service does by itself."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who an API key stands for.

    `source` is what events posted with the key say they come from. `sites` are the ids of the sites it may see,
    None for all. `zone` is an IANA zone or UTC offset for times that have none, None where none was agreed.
    `own_party` is the tenant's party id: the issuer of identifiers that name none.
    """

    tenant_id: int
    tenant_name: str
    key_id: int
    source: str
    roles: frozenset[str]
    sites: frozenset[str] | None
    zone: str | None
    own_party: str

    def may(self, role: Role) -> bool:
        return role in self.roles or Role.ADMIN in self.roles


def the_service(tenant_id: int) -> Caller:
    """The service itself, where it acts for a tenant with nobody asking: `source` and `actor` of what it does."""
    roles = frozenset({str(Role.READ), str(Role.RECALL)})
    return Caller(
        tenant_id=tenant_id,
        tenant_name="",
        key_id=0,
        source=OWN_SOURCE,
        roles=roles,
        sites=None,
        zone=None,
        own_party="",
    )


def parse_roles(roles: frozenset[str]) -> frozenset[str]:
    """`roles` as the database keeps them. Raises ValueError that names what there is."""
    known = {str(role) for role in Role}
    if not roles or not roles <= known:
        wrong = ", ".join(sorted(roles - known)) or "none"
        raise ValueError(f"roles: {wrong}; give one or more of {', '.join(sorted(known))}")
    return frozenset(str(role) for role in roles)
