"""What is told of a fault: its examples are true."""

from __future__ import annotations

import doctest

import pytest
from multidict import CIMultiDict

from dockd.page import advice
from dockd.page.advice import of_store, to_mend
from dockd.page.state import Facts, derive
from ingest.model import Tally
from ingest.standing import StoreWord
from ingest.store.answers import error_of
from ingest.store.line import Answer
from ingest.store.porter.meanings import of_share
from ingest.store.porter.share import no_marker, not_opened
from ingest.store.proxy import Proxy
from ingest.store.s3.meanings import meaning


def test_examples_of_advice() -> None:
    assert doctest.testmod(advice).failed == 0


def _of_s3(status: int, code: str) -> str:
    answer = Answer(status=status, headers=CIMultiDict(), body=f"<Error><Code>{code}</Code></Error>".encode())
    return meaning(answer, doing="a look").message


_PROXY = Proxy(url="http://proxy:3128", auth=lambda: None)
_SHARE = b"/mnt/footage"


@pytest.mark.parametrize(
    ("word", "message", "what"),
    [
        ("down", error_of(401, doing="a look").message, "does not take this dock's key"),
        ("down", _of_s3(403, "InvalidAccessKeyId"), "does not take this dock's key"),
        ("down", _of_s3(403, "AccessDenied"), "does not let this dock do"),
        ("down", _of_s3(400, "AuthorizationHeaderMalformed"), "another region"),
        ("down", _of_s3(301, "PermanentRedirect"), "another region or address"),
        ("down", error_of(302, doing="a look").message, "cannot be used as it is set up"),
        ("down", _PROXY.refused(407, {}, doing="a look").message, "The proxy before the central store does not take"),
        ("down", _PROXY.refused(403, {}, doing="a look").message, "does not let this dock do"),
        ("down", "the store cannot be reached for a look: its certificate is not taken: unknown CA", "certificate"),
        ("down", not_opened(FileNotFoundError(2, "none"), _SHARE).message, "share that is the central store is not mounted"),
        ("down", of_share(OSError(30, "read-only"), doing="a look", folder=_SHARE).message, "is not mounted as it must be"),
        ("down", of_share(OSError(13, "no"), doing="a look", folder=_SHARE).message, "does not let this dock"),
        ("down", of_share(OSError(28, "full"), doing="a file", folder=_SHARE).message, "is full"),
        ("down", error_of(507, doing="a file").message, "is full"),
        ("wrong-store", no_marker(_SHARE), "share that is the central store is not mounted"),
        ("wrong-store", _of_s3(404, "NoSuchBucket"), "is not the one this dock knows"),
    ],
)  # fmt: skip
def test_what_a_person_must_mend_is_not_said_to_go_on_by_itself(word: StoreWord, message: str, what: str) -> None:
    found = of_store(word, message)
    assert found is not None
    assert what in found[1].what
    assert found[1].detail == message
    assert ("Tell ops now" in found[1].advice) == (word == "down")
    bay = derive(
        Facts(camera="C", phase="waiting", listed_once=True, counts=Tally(listed=1, copied=1), store=word, store_wants=to_mend(word, message))
    )  # fmt: skip
    assert what in bay.why
    assert "Tell ops." in bay.why
    assert "by itself" not in bay.why


@pytest.mark.parametrize(
    "message",
    [
        "the store cannot be reached for a look: no connection in 10 s", error_of(503, doing="a look").message, error_of(500, doing="a look").message,
        _PROXY.unreachable(doing="a look", why="refused").message, _PROXY.refused(502, {}, doing="a look").message, _of_s3(500, "InternalError"),
        "the store cannot be reached for a look: store.url.example.org has no address", of_share(OSError(5, "I/O"), doing="a look", folder=_SHARE).message,
    ],
)  # fmt: skip
def test_what_may_be_over_by_itself_is(message: str) -> None:
    assert to_mend("down", message) == ""
    found = of_store("down", message)
    assert found is not None
    assert found[1].what == "The central store cannot be reached."


def test_a_share_that_is_not_mounted_is_asked_for_first() -> None:
    found = of_store("wrong-store", no_marker(_SHARE))
    assert found is not None
    assert found[1].advice.startswith("Ops: is the share mounted? ")
