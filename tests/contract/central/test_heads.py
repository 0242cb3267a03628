"""Whose history it is: under what name a dock asks for a receipt it says itself. Nobody is stopped by another's asking, and who went back or is there twice is noticed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from dockd.cli.store import store as command
from ingest.central import CentralStore
from ingest.central.enrolment import WAYS, Enrolment, sha256
from ingest.central.enrolment_file import EnrolmentFile
from ingest.central.records import FARTHEST
from ingest.clock import Clock
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient, announced

CONTENT = b"some footage" * 100
DOCK = "xLDFDtNzHgRL_XfJO4XSd2c4rJsGmxkKj5OAzvzRNkA"  # a dock says its key's thumbprint, not the name that it was enrolled by
HEAD, OTHER = "a" * 64, "b" * 64
Said = Callable[[str | None], TusClient]


@pytest.fixture
async def said(tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Said]:
    """Whoever shows that token, at a store with two tokens in its file."""
    tokens = tmp_path / "tokens"
    tokens.write_text("alpha-token-0001 # rack 1\nbeta-token-0002 # rack 2\n")
    async with CentralStore(tmp_path / "root", token_file=tokens, settings=SMALL) as store:
        yield lambda token: TusClient(store.url, session, token=token)


async def enrolled(said: Said, root: Path, name: str) -> TusClient:
    """A dock that was invited, and has got its token."""
    operator = Enrolment(EnrolmentFile(root / "docks.db"), clock=Clock())
    made = operator.invite(name, who="os:ann", lasts=3600, ways=WAYS, approval=False, again=False)
    token = secrets.token_urlsafe(32)
    half = json.dumps({"token_sha256": sha256(token)}).encode()
    assert (await said(f"{made.id}.{made.secret}").ask("POST", "/enroll", data=half)).status == 200
    return said(token)


async def asked(client: TusClient, seq: int, head: str = HEAD, *, dock: str = DOCK) -> tuple[int, int | None]:
    """What a receipt with that head is answered, and its number or what the store says that it has seen."""
    path = await client.created(len(CONTENT), announced(CONTENT))
    if (await client.offset(path)) < len(CONTENT):
        assert (await client.patch(path, 0, CONTENT)).status == 204
    answer = await client.receipt(path, seq=seq, head=head, dock=dock)
    if answer.status == 200:
        claims = answer.body.split(b".")[1]
        return 200, int(json.loads(base64.urlsafe_b64decode(claims + b"=="))["number"])
    return answer.status, answer.problem.get("seq")


async def store_command(*arguments: str) -> tuple[int, str, str]:
    """`dockd store ...`: exit code, standard output, standard error."""
    done = await asyncio.to_thread(CliRunner().invoke, command, list(arguments))
    return done.exit_code, done.stdout, done.stderr


async def test_of_two_docks_neither_moves_the_others_head(said: Said, root: Path) -> None:
    """The first enrolled one is told once that somebody else has come with its name, and goes its own way then."""
    one, two, plain = (
        await enrolled(said, root, "rack-1"),
        await enrolled(said, root, "rack-2"),
        said("alpha-token-0001"),
    )
    assert await asked(one, 7) == (200, 1)
    assert [await asked(two, seq, OTHER) for seq in (8, 1_000_000)] == [(200, 2), (200, 3)]
    assert await asked(two, 2**53 - 1, OTHER) == (400, None)
    assert [await asked(one, 8), await asked(one, 1_000_001)] == [(409, 1_000_000), (200, 4)]
    for seq in (1_000_002, 2_000_000, 3_000_000):
        assert (await asked(two, seq, OTHER))[0] == 200
    assert [await asked(one, 1_000_002), await asked(one, 1_000_003)] == [(200, 8), (200, 9)]
    assert await asked(plain, 2_000_000, OTHER) == (409, 3_000_000)
    assert (await asked(plain, 4_000_000, OTHER))[0] == 200
    assert [await asked(one, 1_000_004), await asked(one, 4_000_001)] == [(409, 4_000_000), (200, 11)]
    assert (await asked(plain, 5_000_000, OTHER))[0] == 200
    assert await asked(one, 4_000_002) == (200, 13)
    assert await asked(one, 4_000_001) == (409, 4_000_002)
    assert await asked(two, 5, dock="its own") == (200, 1)


async def test_one_token_of_the_file_stops_no_other(said: Said) -> None:
    """Any of them may be any dock's, so each is held against all: whoever comes behind is told, each time, and follows; no one can be put out of reach."""
    alpha, beta = said("alpha-token-0001"), said("beta-token-0002")
    assert await asked(alpha, 7) == (200, 1)
    assert (await asked(beta, 500, OTHER))[0] == 200
    assert [await asked(alpha, 8), await asked(alpha, 501)] == [(409, 500), (200, 3)]
    for step in (1, 2, 3):
        assert (await asked(beta, 500 + step * FARTHEST, OTHER))[0] == 200
    assert [await asked(alpha, 502), await asked(alpha, 503)] == [(200, 7), (200, 8)]


async def test_a_name_that_somebody_took_before_is_kept_from_nobody(said: Said, root: Path) -> None:
    """Far ahead it counts for nothing; where a dock may have been, it is told, and follows."""
    evil = await enrolled(said, root, "rack-2")
    assert await asked(evil, 10**12, OTHER) == (200, 1)
    one, alpha = await enrolled(said, root, "rack-1"), said("alpha-token-0001")
    assert await asked(one, 7) == (200, 2)
    assert await asked(evil, 50, OTHER, dock="another") == (200, 1)
    assert await asked(alpha, 3, dock="another") == (409, 50)
    assert (await asked(evil, 90, OTHER, dock="another"))[0] == 200
    assert [await asked(alpha, 51, dock="another"), await asked(alpha, 91, dock="another")] == [(409, 90), (200, 3)]


@pytest.mark.parametrize("second", ["a token of the file", "enrolled"])
async def test_a_dock_that_went_back_is_noticed_with_its_old_token_too(said: Said, root: Path, second: str) -> None:
    alpha = said("alpha-token-0001")
    other = await enrolled(said, root, "rack-1") if second == "enrolled" else said("beta-token-0002")
    assert [await asked(alpha, 7), await asked(other, 30)] == [(200, 1), (200, 2)]
    assert await asked(alpha, 9, OTHER) == (409, 30)
    assert await asked(alpha, 30, OTHER) == (409, 30)
    assert await asked(alpha, 31, OTHER) == (200, 3)  # numbers go on: no dock takes it for a store that was put back


async def test_an_enrolled_dock_is_told_of_what_came_by_its_token_of_before(said: Said, root: Path) -> None:
    alpha, one = said("alpha-token-0001"), await enrolled(said, root, "rack-1")
    assert [await asked(alpha, 100), await asked(one, 200), await asked(alpha, 300)] == [(200, 1), (200, 2), (200, 3)]
    assert [await asked(one, 205, OTHER), await asked(one, 300, OTHER)] == [(409, 300), (409, 300)]
    assert await asked(one, 301, OTHER) == (200, 4)
    assert [await asked(alpha, 400), await asked(one, 310), await asked(one, 401)] == [(200, 5), (409, 400), (200, 6)]


@pytest.mark.parametrize("both", ["tokens of the file", "enrolled"])
async def test_a_dock_that_is_there_twice_is_noticed_whenever_one_falls_behind(
    said: Said, root: Path, both: str
) -> None:
    if both == "enrolled":
        first, copy = await enrolled(said, root, "rack-1"), await enrolled(said, root, "rack-2")
    else:
        first, copy = said("alpha-token-0001"), said("beta-token-0002")
    assert (await asked(first, 10))[0] == 200
    told = []
    for seq in (11, 21, 31):
        told.append(await asked(first, seq))
        told.append(await asked(copy, seq - 1, OTHER))
        assert (await asked(copy, seq + 5, OTHER))[0] == 200
    assert [status for status, _ in told].count(409) >= 3


async def test_a_dock_with_another_token_or_enrolled_since_goes_on_with_its_history(said: Said, root: Path) -> None:
    assert await asked(said("alpha-token-0001"), 7) == (200, 1)
    beta = said("beta-token-0002")
    assert await asked(beta, 6) == (409, 7)
    assert await asked(beta, 7, OTHER) == (409, 7)
    assert await asked(beta, 8) == (200, 2)
    one = await enrolled(said, root, "rack-1")
    assert await asked(one, 7) == (409, 8)
    assert await asked(one, 9) == (200, 3)


async def test_nobody_puts_a_dock_where_it_cannot_follow(said: Said) -> None:
    alpha = said("alpha-token-0001")
    assert (await asked(alpha, 7))[0] == 200
    assert (await asked(alpha, 8 + FARTHEST))[0] == 400
    assert (await asked(alpha, 8))[0] == 200
    assert (await asked(alpha, 8 + FARTHEST))[0] == 200


async def test_those_who_name_no_dock_share_no_history(said: Said) -> None:
    alpha, beta = said("alpha-token-0001"), said("beta-token-0002")
    path = await alpha.stored(CONTENT)
    for client, seq, status in ((alpha, 9, 200), (beta, 1, 200), (beta, 0, 409), (alpha, 10, 200)):
        assert (await client.receipt(path, seq=seq, head=HEAD)).status == status


async def test_an_operator_lets_a_dock_begin_anew_and_that_is_on_record(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    root = tmp_path / "root"
    async with CentralStore(root, settings=SMALL) as store:
        assert await asked(TusClient(store.url, session), 10**6) == (200, 1)
        code, _, err = await store_command("heads", "--root", str(root), "--forget", DOCK, "--reason", "x", "--yes")
        assert (code, "another process" in err) == (3, True)
    code, out, _ = await store_command("heads", "--root", str(root), "--json")
    (row,) = json.loads(out)["heads"]
    assert (code, row["dock"], row["seq"], row["head"], row["receipts"]) == (0, DOCK, 10**6, HEAD, 1)
    code, _, err = await store_command("heads", "--root", str(root), "--forget", "nobody", "--reason", "x", "--yes")
    assert (code, "nobody" in err) == (1, True)
    code, _, err = await store_command("heads", "--root", str(root), "--forget", DOCK, "--yes")
    assert (code, "--reason" in err) == (2, True)
    code, _, err = await store_command("heads", "--root", str(root), "--forget", DOCK, "--reason", "stolen, ticket 7")
    assert (code, "--yes" in err) == (1, True)
    code, out, _ = await store_command(
        "heads", "--root", str(root), "--forget", DOCK, "--reason", "stolen, ticket 7", "--yes"
    )
    assert (code, DOCK in out) == (0, True)
    async with CentralStore(root, settings=SMALL) as store:
        assert await asked(TusClient(store.url, session), 5, OTHER) == (200, 2)  # no dock takes it for a store put back
        assert await asked(TusClient(store.url, session), 4, OTHER) == (409, 5)
        (line,) = [one for one in await store.records.entries() if one.action == "head.forgotten"]
    assert line.who.startswith("os:")
    assert line.detail == {
        "dock": DOCK,
        "of": "anyone on this machine",
        "seq": 10**6,
        "head": HEAD,
        "reason": "stolen, ticket 7",
    }


async def test_a_look_shows_names_as_they_are_and_brings_nothing_up(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """Names are any text that a dock has sent."""
    root, evil = tmp_path / "root", "one\u2028forgotten: faked \x1b[2J\u202e"
    async with CentralStore(root, settings=SMALL) as store:
        assert (await asked(TusClient(store.url, session), 5, dock=evil))[0] == 200
    code, out, _ = await store_command("heads", "--root", str(root))
    assert (code, out.count("\n"), out.isascii(), "\x1b" in out) == (0, 1, True, False)
    shown = json.dumps(evil)
    code, out, _ = await store_command("heads", "--root", str(root), "--forget", shown, "--reason", "x", "--yes")
    assert (code, out.startswith(f"forgotten: {shown}")) == (0, True)
    with contextlib.closing(sqlite3.connect(root / "records.db")) as records:
        records.executescript(
            "DROP TABLE docks; CREATE TABLE docks (dock TEXT PRIMARY KEY, seq INTEGER NOT NULL, head TEXT NOT NULL, seen_at TEXT NOT NULL, "
            "receipts INTEGER NOT NULL DEFAULT 0); PRAGMA user_version = 2"
        )
    before = (root / "records.db").read_bytes()
    code, _, err = await store_command("heads", "--root", str(root))
    assert (code, "version before" in err) == (3, True)
    assert (root / "records.db").read_bytes() == before
