"""What looks like a secret is taken out, and nothing else."""

from __future__ import annotations

import pytest

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
