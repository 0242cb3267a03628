"""What looks like a secret is taken out, and nothing else."""

from __future__ import annotations

import pytest

from dockd.access.known import new_token
from dockd.ops.redaction import redacted


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t-t0ken", "authorization='Basic czNjcjN0'", "{'Authorization': 'Bearer s3cr3t.t0ken'}", "bearer s3cr3t_token",
        "token=s3cr3t", "password: s3cr3t", '"api_key": "s3cr3t"', "https://me:s3cr3t@store/files", "Cookie: id=s3cr3t",
        "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_secrets(text: str) -> None:
    assert "s3cr3t" not in redacted(text)
    assert "[redacted]" in redacted(text)


@pytest.mark.parametrize(
    "text", ["the store refuses the token in /etc/dockd/store.token", "DCIM/tokens/a.mp4 was found", "https://store.example.org/files/1", "no bearer"]
)  # fmt: skip
def test_plain_words_stay(text: str) -> None:
    assert redacted(text) == text


def test_the_name_of_the_token_that_did_it_is_no_secret() -> None:
    by = "token:wall-east"
    for text in (
        "bay 6 was taken out of use by token:wall-east",
        "it was marked (marked by token:wall-east)",
        "token:wall-east",
    ):
        assert redacted(text, by=by) == text
        assert "wall-east" not in redacted(text), "nobody says that it is a name"


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("token:desks3cr3t", "token:desk"), ("token:desk-s3cr3t", "token:desk"), ("token=s3cr3t", "token:s3cr3t"), ("token: s3cr3t", "token:s3cr3t"),
        ("authorization: s3cr3t", "authorization: s3cr3t"), ("token:s3cr3t", "user:token:s3cr3t"), ("password:s3cr3t", "password:s3cr3t"),
    ],
)  # fmt: skip
def test_nothing_else_passes_as_a_name(text: str, by: str) -> None:
    assert "s3cr3t" not in redacted(text, by=by)


def test_the_pages_own_token_is_hidden_wherever_it_stands() -> None:
    shown = new_token()
    for text in (shown, f"it said {shown}.", f"token:{shown}"):
        assert shown[3:20] not in redacted(text, by=f"token:{shown}")
