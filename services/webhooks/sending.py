"""One call: signed as Standard Webhooks says, to a judged address, bounded in time and in what is read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx
from standardwebhooks.webhooks import Webhook

from services.webhooks.guard import Network, Refused, Resolve, destination, resolve

ANSWER_BYTES_READ = 4_096
"""A receiver's answer is its status; more of it than this is not waited for."""
_USER_AGENT = "zhuisu-webhooks/1"


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent: the same id and body at every attempt."""

    url: str
    secret: bytes
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one attempt. `status` None: nobody answered. `wait_seconds`: what the receiver asked for."""

    status: int | None
    error: str | None = None
    wait_seconds: float | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def signed(call: Call, now: datetime) -> dict[str, str]:
    """The headers that prove who calls and when."""
    signature = Webhook(call.secret).sign(call.message_id, now, call.body.decode())
    return {
        "webhook-id": call.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
        "user-agent": _USER_AGENT,
    }


class Sender:
    """Makes calls. `own`: networks of the plant that may be called although they are not public."""

    def __init__(self, *, own: Sequence[Network], seconds: float, resolver: Resolve = resolve) -> None:
        self._own, self._seconds, self._resolver = own, seconds, resolver
        # A proxy of the environment would resolve the name again; redirects lead where nobody looked; a connection that
        # is kept was proven to be one name's, and another name may have the same address.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=seconds,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
        )

    async def send(self, call: Call, now: datetime) -> Answer:
        """One attempt. Never raises for what the receiver, its name or its network do."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._send(call, now)
        except Refused as error:
            return Answer(None, str(error))
        except TimeoutError:
            return Answer(None, f"no answer within {self._seconds:g} s")
        except (httpx.HTTPError, OSError) as error:
            return Answer(None, type(error).__name__)

    async def _send(self, call: Call, now: datetime) -> Answer:
        to = await destination(call.url, own=self._own, resolver=self._resolver)
        headers = {**signed(call, now), "host": to.host_header}
        request = self._client.build_request("POST", to.url, content=call.body, headers=headers)
        request.extensions["sni_hostname"] = to.host
        response = await self._client.send(request, stream=True)
        try:
            read = 0
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read > ANSWER_BYTES_READ:
                    break
        finally:
            await response.aclose()
        if 200 <= response.status_code < 300:
            return Answer(response.status_code)
        wait = _wait(response.headers.get("retry-after"), now)
        return Answer(response.status_code, f"it answered {response.status_code}", wait)

    async def close(self) -> None:
        await self._client.aclose()


def _wait(header: str | None, now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110 §10.2.3)."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (ValueError, TypeError):
        return None
