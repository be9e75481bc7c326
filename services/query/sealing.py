"""Short texts that a caller keeps for us and can neither read nor make: places in a set of which most is not theirs."""

import hashlib
from base64 import b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


def seal(secret: bytes, text: bytes) -> str:
    """The same each time. It shows how long the text is: give it texts of one length."""
    return urlsafe_b64encode(_cipher(secret).encrypt(text, None)).decode().rstrip("=")


def unseal(secret: bytes, token: str) -> bytes:
    """What was sealed with that secret. Raises ValueError for anything else."""
    data = b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    try:
        return _cipher(secret).decrypt(data, None)
    except InvalidTag as error:
        raise ValueError("it was not sealed here") from error


def _cipher(secret: bytes) -> AESSIV:
    return AESSIV(hashlib.sha512(secret).digest())
