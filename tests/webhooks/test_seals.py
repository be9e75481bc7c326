"""Secrets of webhooks at rest: sealed by the newest key, opened by any, and not used where no key opens them."""

import base64

import asyncpg
import httpx
import pytest
from cryptography.fernet import Fernet
from standardwebhooks.webhooks import Webhook

from services.settings import SettingsError, load_settings
from services.webhooks.seals import Seals, SecretUnreadable
from tests.webhooks.conftest import Telling
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_webhooks import held, made, post, removed

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def test_a_secret_is_sealed_by_the_first_key_and_opened_by_any() -> None:
    kept = Seals(OLD).seal(b"secret")
    assert b"secret" not in kept
    assert Seals(f"{NEW},{OLD}").open(kept) == b"secret"
    assert Seals(OLD).sealed_anew(kept) is None
    again = Seals(f"{NEW}, {OLD}").sealed_anew(kept)
    assert again is not None
    assert Seals(NEW).open(again) == b"secret"
    with pytest.raises(SecretUnreadable, match="ZHUISU_WEBHOOK_KEYS"):
        Seals(OTHER).open(kept)
    assert (Seals().seal(b"plain"), Seals(NEW).open(b"plain"), Seals().sealed_anew(b"plain")) == (
        *(b"plain", b"plain", None),
    )


def test_what_is_no_key_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="ZHUISU_WEBHOOK_KEYS") as refused:
        load_settings(webhook_keys=f"{NEW},short")
    assert NEW not in str(refused.value)
    assert NEW not in repr(load_settings(webhook_keys=NEW))


async def test_secrets_are_sealed_where_they_lie_and_keys_are_changed(
    service: httpx.AsyncClient, telling: Telling, receiver: Receiver, *, service_url: str
) -> None:
    await removed(service)
    hook = await made(service, receiver.url)
    secret = base64.b64decode(hook["secret"].removeprefix("whsec_"))
    owner = await asyncpg.connect(service_url)
    try:
        for keys in (OLD, f"{NEW},{OLD}"):
            telling.dispatcher._seals = Seals(keys)
            await post(service, held("1"))
            await telling.round()
            kept = await owner.fetchval("SELECT secret FROM public.webhooks")
            assert secret not in kept
            assert Seals(keys.partition(",")[0]).open(kept) == secret
        assert len(receiver.calls) == 2
        for call in receiver.calls:
            Webhook(hook["secret"]).verify(call.body, dict(call.headers))
        telling.dispatcher._seals = Seals(OTHER)
        await post(service, held("2"))
        await telling.round()
        assert len(receiver.calls) == 2, "a secret that cannot be read signs nothing"
        deliveries = (await service.get(f"/v1/webhooks/{hook['webhook_id']}/deliveries")).json()["deliveries"]
        [waiting] = [d for d in deliveries if d["state"] == "pending"]
        assert waiting["last_error"].startswith("secret-unreadable")
    finally:
        await owner.close()
