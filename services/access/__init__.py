"""Who may: tenants, API keys and the callers they stand for."""

from services.access.bootstrap import Bootstrap, default_own_party, ensure_bootstrap
from services.access.callers import Caller, Role
from services.access.keys import AccessUnavailable, KeyInfo, Keys, NewKey

__all__ = [
    "AccessUnavailable",
    "Bootstrap",
    "Caller",
    "KeyInfo",
    "Keys",
    "NewKey",
    "Role",
    "default_own_party",
    "ensure_bootstrap",
]
