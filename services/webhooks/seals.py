"""Signing secrets at rest: they must be read to sign, so they are encrypted with keys that the database does not hold.

Fernet (AES-128-CBC, HMAC-SHA-256) of the library `cryptography`. `ZHUISU_WEBHOOK_KEYS` lists keys, the newest first:
it seals, all of them open. Without keys secrets are kept as they are, behind row-level security.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_SEALED = b"fernet:"


class SecretUnreadable(Exception):
    """No key at hand opens a secret; the message says what to do."""


class Seals:
    """Seals and opens secrets. Raises ValueError for what is no key."""

    def __init__(self, keys: str = "") -> None:
        self._keys: list[Fernet] = [_fernet(k.strip()) for k in keys.split(",") if k.strip()]

    def seal(self, secret: bytes) -> bytes:
        """The secret as it is kept."""
        return _SEALED + self._keys[0].encrypt(secret) if self._keys else secret

    def open(self, kept: bytes) -> bytes:
        """The secret. Raises SecretUnreadable."""
        return self._opened(kept)[0]

    def sealed_anew(self, kept: bytes) -> bytes | None:
        """As it would be kept now, where that is by another key, or by none. Raises SecretUnreadable."""
        secret, key = self._opened(kept)
        return self.seal(secret) if self._keys and key != 0 else None

    def _opened(self, kept: bytes) -> tuple[bytes, int | None]:
        if not kept.startswith(_SEALED):
            return kept, None
        from cryptography.fernet import InvalidToken  # only where keys are used

        for n, key in enumerate(self._keys):
            try:
                return key.decrypt(kept.removeprefix(_SEALED)), n
            except InvalidToken:
                continue
        raise SecretUnreadable(
            "none of ZHUISU_WEBHOOK_KEYS opens the secret of this webhook: name the key it was sealed with too, or"
            " delete the webhook and make it again"
        )


def _fernet(key: str) -> "Fernet":
    from cryptography.fernet import Fernet

    return Fernet(key)
