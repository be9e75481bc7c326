"""Asking a running service over HTTP: one client, patience with a service that is away, problems told in words."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from services.cli.options import DEFAULT_URL, REFUSED, UNAVAILABLE, Hand

ASK_AGAIN = frozenset({429, 503, 504})
_LONGEST_PAUSE_SECONDS = 30.0


class Service:
    """A service at a URL, asked with a key. Ends the command, with the problem told, where it refuses."""

    def __init__(self, hand: Hand, url: str | None, key: str | None) -> None:
        self.hand = hand
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=url or DEFAULT_URL, headers=headers, timeout=120, trust_env=False)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """One request and its JSON answer, None where there is no body."""
        with self.hand.working("Asking {url} …", url=str(self.http.base_url)):
            try:
                answer = self.http.request(method, path, **more)
            except httpx.HTTPError as error:
                self.away(error)
        return self.read(answer)

    def read(self, answer: httpx.Response) -> Any:
        """The JSON of an answer; a problem ends the command."""
        if answer.status_code >= 400:
            self.hand.refuse(UNAVAILABLE if answer.status_code in ASK_AGAIN else REFUSED, problem_of(answer))
        return answer.json() if answer.content else None

    def away(self, error: Exception) -> None:
        """End the command: nobody answers."""
        url = str(self.http.base_url)
        why = str(error) or type(error).__name__
        self.hand.fail(
            UNAVAILABLE, "{url} does not answer ({why}): start it with zhuisu up, or give --url", url=url, why=why
        )

    def post_patiently(
        self, path: str, *, within_seconds: float, pause: Callable[[float], None] = time.sleep, **more: Any
    ) -> httpx.Response:
        """POST until it is taken: the same body again on 429, 503 and a lost connection, as `Retry-After` says.

        Safe because event ids are idempotency keys. Gives the last answer back when `within_seconds` are over.
        """
        until = time.monotonic() + within_seconds
        wait_seconds = 0.5
        while True:
            try:
                answer = self.http.post(path, **more)
                if answer.status_code not in ASK_AGAIN or time.monotonic() >= until:
                    return answer
                wait_seconds = retry_after_seconds(answer, default=wait_seconds)
            except httpx.TransportError as error:
                if time.monotonic() >= until:
                    self.away(error)
            pause(min(wait_seconds, max(0.0, until - time.monotonic())))
            wait_seconds = min(wait_seconds * 2, _LONGEST_PAUSE_SECONDS)


def retry_after_seconds(answer: httpx.Response, *, default: float) -> float:
    """What the `Retry-After` header asks for, in seconds; `default` where there is none or it is a date."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE_SECONDS) if text.isdigit() else default


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """The problem document of a refusal, or what can be said of an answer that is none."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and ("detail" in body or "title" in body):
        detail = body.get("detail")
        return body if isinstance(detail, str) else body | {"detail": _fields(detail)}
    return {"status": answer.status_code, "title": answer.reason_phrase, "detail": answer.text[:500]}


def _fields(detail: Any) -> str:
    """FastAPI's own refusals list the wrong fields."""
    if not isinstance(detail, list):
        return str(detail)
    return "; ".join(f"{'.'.join(str(p) for p in one.get('loc', ()))}: {one.get('msg', '')}" for one in detail)
