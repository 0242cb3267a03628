"""Secrets that are known are found in every form in which programs write them; what looks like one is, too."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from dockd.support.patterns import without_secrets
from dockd.support.secrets import Secrets, words_of

SECRET = 's3cr3t/+&%<Zoë>"quoted" end'
RAW = SECRET.encode()

WRITTEN = {
    "as it is": SECRET,
    "in a URL": quote(SECRET, safe=""),
    "in a path": quote(SECRET),
    "in a form": quote_plus(SECRET),
    "in a URL, small letters": "".join(f"%{b:02x}" for b in RAW),
    "by a script": quote(SECRET, safe="!*'()~"),
    "in JSON": json.dumps(SECRET),
    "in JSON of UTF-8": json.dumps(SECRET, ensure_ascii=False),
    "in HTML": html.escape(SECRET),
    "hexadecimal": RAW.hex(),
    "HEXADECIMAL": RAW.hex().upper(),
    "base64": base64.b64encode(RAW).decode(),
    "base64 with a user before it": base64.b64encode(b"u:" + RAW).decode(),
    "base64 with two characters before it": base64.b64encode(b"me" + RAW + b"!").decode(),
    "base64url": base64.urlsafe_b64encode(b"x" + RAW).decode(),
}  # fmt: skip


@pytest.mark.parametrize("form", WRITTEN)
def test_a_known_secret_is_found(form: str) -> None:
    text, count = Secrets([SECRET]).taken_out(f"before {WRITTEN[form]} after")
    assert count >= 1
    assert text.startswith("before ")
    assert text.endswith(" after")
    left = text.removeprefix("before ").removesuffix(" after").replace("[secret taken out]", "")
    assert len(left) <= 8, left  # of base64, what its neighbours' bits are in


def test_hashes_are_taken_out_as_they_are() -> None:
    known = Secrets([], as_they_are=["ab" * 32, "$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA"])
    assert known.taken_out(f"session {'ab' * 32} of $argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA.") == (
        "session [secret taken out] of [secret taken out].", 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("# the store's\ntok-123456  # since May\n", {"tok-123456", "tok-123456  # since May"}),
        ("dock:pa55word\n", {"dock:pa55word", "pa55word"}),
        ("dock:pa55:word\n", {"dock:pa55:word", "pa55:word"}),
        ("AKIDEXAMPLE\nwJalrXUtnFEMI\n", {"AKIDEXAMPLE", "wJalrXUtnFEMI", "AKIDEXAMPLE\nwJalrXUtnFEMI"}),
        ("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key=wJalr=XUtn\n", {"AKIDEXAMPLE", "wJalr=XUtn"}),
        ("-----BEGIN CERTIFICATE-----\nMIIpublic\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nMC4CAQAw\nabcdef\n-----END PRIVATE KEY-----\n", {"MC4CAQAw", "abcdef"}),
        ("ab#Secret-12345\n", {"ab#Secret-12345"}),
        ("Secret-12345#ab # May\n", {"Secret-12345#ab"}),
        ("#Secret-12345\n", {"#Secret-12345"}),
        ("user:pa #Secret\n", {"user:pa #Secret", "pa #Secret"}),
        ("[Secret12345]\n", {"[Secret12345]"}),
        ("dockpass=Secret\n", {"dockpass=Secret", "Secret"}),
        ("correct horse 12\n", {"correct horse 12"}),
    ],
    ids=[
        "token", "user-and-password", "colon-in-it", "two-lines", "aws", "pem", "number-sign-in-it", "number-sign-as-tokens-are-read", "number-sign-first", "number-sign-after-a-space",
        "in-brackets", "as-if-named", "several-words",
    ],
)  # fmt: skip
def test_what_of_a_file_is_secret(file: str, words: set[str]) -> None:
    found = words_of(file)
    assert words <= found
    assert Secrets(found).taken_out(file.strip().splitlines()[-1])[0].count("[secret taken out]") or "BEGIN" in file


def test_what_is_no_secret_of_a_file_is_not_looked_for() -> None:
    assert words_of("ab\n") == set()
    assert words_of("# a\ntok-123456\n") == {"tok-123456", "# a\ntok-123456"}
    assert "MIIpublic" not in words_of("-----BEGIN CERTIFICATE-----\nMIIpublic\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer PLANTED-abcdef",
        '{"message": "Authorization: Bearer PLANTED-abcdef, then"}',
        "headers={'authorization': 'Basic PLANTED='}",
        '"MESSAGE": "{\\"Authorization\\": \\"Digest username=PLANTED, x=y\\"}"',
        "Cookie: a=b; __Host-dockd=PLANTED; c=d",
        "set-cookie: dockd-in-clear=PLANTED; Path=/",
        "saw __Host-dockd-wall=PLANTED in a browser",
        "GET https://dock:PLANTED@store.example/files",
        "proxy http://PLANTED@proxy:3128 refused",
        "s3://KEY:PLANTED@bucket/x",
        "next=https%3A%2F%2Fdock%3APLANTED%40store%2Ffiles",
        "url.full https://s3.example/b/k?X-Amz-Signature=PLANTED&X-Amz-Date=1",
        "GET /wall?token=PLANTED HTTP/1.1",
        "https://store.example/#access_token=PLANTED",
        '{"url": "https:\\/\\/dock:PLANTED@store\\/x"}',
        'password = "PLANTED and more PLANTED"',
        '{"client_secret": "PLANTED"}',
        "aws_secret_access_key=PLANTED",
        "api-key: PLANTED",
        "the token: PLANTED.",
        "x-amz-security-token: PLANTED",
        "bearer PLANTED123456",
        "eyJhbGciOiJFZERTQSJ9.PLANTED.sig",
        "dockd_PLANTEDabcdefghijklmnopqrstuvwxyz0123456789ABCDEF",
        "dockd1.PLANTEDabcdefghijklmnopqrstuvwxyz0123456789.abcdef.PLANTED",
        "AKIAPLANTED123456789",
        "hash $argon2id$v=19$m=65536,t=3,p=1$PLANTED$PLANTED",
        "-----BEGIN EC PRIVATE KEY-----\nPLANTED\nPLANTED\n-----END EC PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\nPLANTED, cut off",
        'Authorization: Digest username="PLANTED", realm="r", response="PLANTED"',
        '{"authorization": "Digest username=\\"PLANTED\\", response=\\"PLANTED\\""}',
        'Authorization: Token token="PLANTED"',
        'Cookie: sid="PLANTED"; other=PLANTED',
        '{"Cookie": "a=\\"PLANTED\\"; b=PLANTED"}',
        "GET http://u:p/PLANTED@host/x",
        "proxy http://u:p@PLANTED@host/ refused",
        "sftp://dock:PLANTED@h",
        "secret_key=PLANTED",
        "secretKey: PLANTED",
        "pass=PLANTED",
        "auth=PLANTED",
        '"x-auth": "PLANTED"',
        "SharedAccessSignature sr=a&sig=PLANTED",
        "password: correct PLANTED",
        "password=ab,PLANTED",
        "the program said --password PLANTED and ended",
        "curl -u dock:PLANTED https://x",
        "curl --user dock:PLANTED https://x",
        "basic auth dockd:PLANTED",
        '{"token": ["PLANTED", "PLANTED"]}',
        "ghp_PLANTEDaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(line: str) -> None:
    text, count = without_secrets(line)
    assert "PLANTED" not in text, text
    assert count >= 1


@pytest.mark.parametrize(
    "line",
    [
        'token_file = "/etc/dockd/store.token"',
        "store.client_key_file: /etc/dockd/dock.key does not exist",
        "the store https://store.example.org/files/ answers as K2-_a, proof by receipt",
        "the head is entry 4711, hash " + "ab" * 32,
        "dockd_store_up 1",
        "usb 1-1.4: device descriptor read/64, error -71",
        "dockd.service: Main process exited, code=exited, status=2/INVALIDARGUMENT",
        "is that so? yes",
        "the password is wrong",
        '{"message": "GET / was answered", "author": "a"}',
        "2026-11-21 07:00:00 bay 3: author=officer, passed=12",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert without_secrets(line) == (line, 0)


@pytest.mark.parametrize(
    "said",
    ['Digest username="PLANTED", response="PLANTED"', "Basic PLANTED=", 'sid="PLANTED"; b=PLANTED'],
)
def test_a_document_stays_one(said: str) -> None:
    for inside in ({"Cookie": said}, {"message": f"Cookie: {said}"}):
        for document in (inside, {"MESSAGE": json.dumps(inside)}):
            text, _ = without_secrets(json.dumps({**document, "other": "stays"}))
            assert "PLANTED" not in text
            assert json.loads(text)["other"] == "stays"


def test_what_is_made_to_take_long_does_not() -> None:
    """No pattern looks at the same characters again and again: twice as much takes no four times as long, and this would take hours."""
    for some in (
        "a1",
        "token",
        "https://",
        "?a=",
        "-----BEGIN PRIVATE KEY",
        '"',
        "x://y",
        "%3A%2F%2F%40",
        "$1$",
        'cookie:="',
        "cookie: =\\",
        "password=",
        "token: [",
        "-u a:",
    ):
        without_secrets(some * (60_000 // len(some)))
