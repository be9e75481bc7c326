"""Where webhooks may call, and how a call is signed: the published vector, and every trap of SSRF."""

import base64
import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.webhooks.guard import Refused, destination, may_be_called, networks
from services.webhooks.sending import Call, Sender, signed
from tests.webhooks.receiver import receiving, status

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


def test_the_published_vector_of_the_specification() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: secret, id, timestamp and body of its examples."""
    call = Call(
        url="https://example.com/",
        secret=base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        body=b'{"test": 2432232314}',
    )
    headers = signed(call, datetime.fromtimestamp(1614265330, UTC))
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


PRIVATE = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "::127.0.0.1", "2001:db8::1"),
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo of 127.0.0.1
)


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_address_may_be_called(address: str) -> None:
    assert not may_be_called(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_public_addresses_may(address: str) -> None:
    assert may_be_called(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fe80::1", "::ffff:169.254.169.254"]
)
def test_no_list_of_own_networks_opens_what_clouds_keep_for_themselves(address: str) -> None:
    assert not may_be_called(ipaddress.ip_address(address), own=networks("0.0.0.0/0, ::/0"))


def test_an_own_network_may_be_called_in_every_form() -> None:
    own = networks("10.20.0.0/16")
    assert may_be_called(ipaddress.ip_address("10.20.3.4"), own=own)
    assert may_be_called(ipaddress.ip_address("::ffff:10.20.3.4"), own=own)
    assert not may_be_called(ipaddress.ip_address("10.21.0.1"), own=own)


def answering(*rounds: Sequence[str]):  # type: ignore[no-untyped-def]
    """A name server that says something else each time, as one that rebinds does."""
    left = list(rounds)

    async def resolver(host: str, port: int) -> Sequence[str]:
        return left.pop(0)

    return resolver


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("ftp://example.com/", "https URL"),
        ("https:///path", "https URL"),
        ("https://user:pw@example.com/", "user and password"),
        ("https://example.com/#x", "fragment"),
        ("https://example.com:0/", "https URL"),
        ("https://example.com:99999/", "no URL"),
        ("https://exa mple.com/", "printable"),
        ("https://[::1/", "no URL"),
        ("http://example.com/", "use https"),
        ("https://例子.com/", "ASCII"),
        ("https://example.com/" + "x" * 2_000, "at most"),
    ],
)
async def test_a_url_that_cannot_be_called_says_why(url: str, word: str) -> None:
    with pytest.raises(Refused, match=word):
        await destination(url, own=(), resolver=answering(["93.184.215.14"]))


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "017700000001"])
async def test_every_spelling_of_loopback_is_refused_by_the_systems_resolver(host: str) -> None:
    with pytest.raises(Refused):
        await destination(f"https://{host}/", own=())


async def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(Refused, match="ZHUISU_WEBHOOK_NETWORKS"):
        await destination("https://both.example/", own=(), resolver=answering(["93.184.215.14", "10.0.0.1"]))


async def test_a_name_that_is_bound_to_another_address_after_it_was_judged_is_not_asked_again() -> None:
    """DNS rebinding: the first answer is judged and called; a second is never asked for (the list would be empty)."""
    async with receiving() as receiver:
        sender = Sender(own=networks("127.0.0.0/8"), seconds=5, resolver=answering(["127.0.0.1"]))
        call = Call(f"http://wms.example:{receiver.port}/a?b=c", b"s" * 32, "msg_1", b"{}")
        answer = await sender.send(call, NOW)
        assert (answer.status, answer.delivered) == (204, True)
        [got] = receiver.calls
        assert got.line == "POST /a?b=c HTTP/1.1"
        assert got.headers["host"] == f"wms.example:{receiver.port}"
        again = await Sender(own=(), seconds=5, resolver=answering(["127.0.0.1"])).send(call, NOW)
        assert (again.status, len(receiver.calls)) == (None, 1)
        await sender.close()


async def test_a_redirect_is_an_answer_like_any_other_and_is_not_followed() -> None:
    async with receiving() as receiver, receiving() as elsewhere:
        receiver.answer = status(302, f"Location: {elsewhere.url}")
        sender = Sender(own=networks("127.0.0.0/8"), seconds=5)
        answer = await sender.send(Call(receiver.url, b"s" * 32, "msg_1", b"{}"), NOW)
        assert (answer.status, answer.delivered, elsewhere.calls) == (302, False, [])
        await sender.close()


async def test_a_receiver_that_never_ends_is_left() -> None:
    """One that does not answer, and one that answers without end: neither holds a call for longer than it may take."""
    async with receiving() as silent, receiving() as endless:
        silent.answer = lambda call: None
        endless.answer = lambda call: b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100_000
        sender = Sender(own=networks("127.0.0.0/8"), seconds=0.3)
        left = await sender.send(Call(silent.url, b"s" * 32, "msg_1", b"{}"), NOW)
        assert (left.status, left.error) == (None, "no answer within 0.3 s")
        assert (await sender.send(Call(endless.url, b"s" * 32, "msg_2", b"{}"), NOW)).delivered
        await sender.close()
