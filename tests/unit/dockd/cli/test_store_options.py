"""What `dockd ingest`, `dockd store pin` and `dockd check-config` say of a store's options before anything is touched."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from dockd.cli.check_config import check_config
from dockd.cli.ingest import ingest
from dockd.cli.store_options import Given, unheard, with_store
from dockd.cli.store_pin import pin
from dockd.settings import Settings, StoreSettings, defaults

S3 = "s3+https://127.0.0.1:9/footage"
KEYS = "AKIAEXAMPLE\nsecret-of-it\n"


def secret(folder: Path, text: str = KEYS, *, mode: int = 0o600, name: str = "keys") -> str:
    file = folder / name
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def once(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(ingest, [str(folder), "--state", str(folder / "state"), "--wait", "0 s", *words])


def taken(
    url: str | None, *, settings: Settings | None = None, token: Path | None = None, ca: Path | None = None, proxy: str | None = None,
    user: Path | None = None, region: str | None = None,
) -> StoreSettings:  # fmt: skip
    given = Given(token_file=token, ca_file=ca, proxy=proxy, proxy_auth_file=user, region=region)
    return with_store(settings or defaults(), url=url, given=given).store


def test_every_option_comes_to_its_setting(tmp_path: Path) -> None:
    secret(tmp_path)
    secret(tmp_path, "user:word\n", name="user")
    secret(tmp_path, "PEM", name="ca", mode=0o644)
    keys, ca, user = (Path(os.path.relpath(tmp_path / name)) for name in ("keys", "ca", "user"))
    found = taken(S3, token=keys, ca=ca, proxy="http://proxy:3128", user=user, region="eu-central-1")
    assert found == StoreSettings(
        kind="s3", url="https://127.0.0.1:9/footage", token_file=keys.absolute(), ca_file=ca.absolute(), proxy="http://proxy:3128",
        proxy_auth_file=user.absolute(), region="eu-central-1",
    )  # fmt: skip


@pytest.mark.parametrize("option", ["--token-file", "--proxy-auth-file"])
def test_a_secret_that_others_may_read_is_told_as_check_config_tells_it(tmp_path: Path, option: str) -> None:
    key = option.removeprefix("--").replace("-", "_")
    open_one = secret(tmp_path, "user:word\n", mode=0o644)
    words = f"{open_one} can be read by everybody on this machine, expected a file of dockd's own: chmod 600 {open_one}"
    more = ("--proxy", "http://127.0.0.1:9") if option == "--proxy-auth-file" else ()
    (tmp_path / "camera").mkdir()
    for done in (
        CliRunner().invoke(ingest, [str(tmp_path / "camera"), "--state", str(tmp_path / "state"), "--wait", "0 s", "--store", "http://127.0.0.1:9", option, open_one, *more]),
        CliRunner().invoke(pin, ["--state", str(tmp_path / "state"), "--store", "http://127.0.0.1:9", option, open_one, *more]),
    ):  # fmt: skip
        assert done.exit_code in (0, 3), done.output
        assert f"warning: {option}: {words}" in done.output
    file = tmp_path / "dockd.toml"
    proxy = 'proxy = "http://127.0.0.1:9"\n' if more else ""
    file.write_text(f'[store]\nurl = "http://127.0.0.1:9"\n{proxy}{key} = "{open_one}"\n')
    assert f"store.{key}: {words}" in CliRunner().invoke(check_config, [str(file)]).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--store", "share"), 's3+https://s3.example.org/footage", or the absolute path of a directory'),
        (("--store", "s3://footage"), 's3+https://s3.example.org/footage", or the absolute path of a directory'),
        (("--store", "s3+https://10.0.0.7:9000/"), "--store: names no bucket"),
        (("--store", "s3+https://localhost"), "--store: names no bucket"),
        (("--store", S3), "store.token_file: is missing"),
        (("--store", S3, "--token-file", "@keys", "--region", " "), "--region"),
        (("--store", S3, "--token-file", "@none"), "none does not exist"),
        (("--store", S3, "--token-file", "@long"), "--token-file: the file that store.token_file names is not in a form"),
        (("--store", "https://s", "--token-file", "@keys", "--region", "eu"), '--region: has no use with kind = "tus"'),
        (("--store", "https://s", "--token-file", "@long"), "long holds no token"),
        (("--store", "https://s", "--token-file", "@comment"), "comment holds no token"),
        (("--store", "https://s", "--proxy", "proxy:3128"), 'a proxy\'s URL such as "http://proxy.example.org:3128"'),
        (("--store", "https://s", "--proxy", "http://u:hunter2@p"), "--proxy: has a user or password in it"),
        (("--store", "https://u:hunter2@s"), "--store: has a user or password in it"),
        (("--store", "https://s", "--proxy-auth-file", "@user"), "--proxy-auth-file: is there without proxy"),
        (("--store", "https://s", "--proxy", "http://p", "--proxy-auth-file", "@long"), "long names no user and password"),
        (("--store", "http://s", "--ca-file", "@ca"), "--ca-file: has no use with an http:// url"),
        (("--store", "/srv/share", "--token-file", "@keys"), '--token-file: has no use with kind = "directory"'),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_once(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    secret(tmp_path, KEYS)
    secret(tmp_path, "these are hunter2 words\n", name="long")
    secret(tmp_path, "# nothing\n", name="comment")
    secret(tmp_path, "user:word", name="user")
    secret(tmp_path, "PEM", name="ca")
    done = once(tmp_path, *(str(tmp_path / word[1:]) if word.startswith("@") else word for word in words))
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "hunter2" not in done.output


def test_a_token_over_plain_http_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = Path(secret(tmp_path, "a-token # mine\n"))
    assert taken("http://127.0.0.1:9", token=token).token_file == token
    assert capsys.readouterr().err == ""
    taken("http://10.0.0.7", token=token)
    assert "warning: --store: would send the token of token_file over the network in clear" in capsys.readouterr().err


def test_a_store_of_another_kind_takes_over_nothing_but_the_pin(tmp_path: Path) -> None:
    keys = Path(secret(tmp_path))
    configured = StoreSettings(kind="s3", url="https://s/b", token_file=keys, region="eu", pin="abc")
    settings = Settings(store=configured)
    assert taken("/srv/share", settings=settings) == StoreSettings(kind="directory", url="/srv/share", pin="abc")
    assert taken("s3+https://t/b", settings=settings, region="us").token_file == keys
    with pytest.raises(click.UsageError, match=r"store\.url: is missing"):
        taken(None)


def test_variables_that_are_not_looked_at_are_said() -> None:
    assert unheard({"HOME": "/", "DOCKDX": "1"}) is None
    said = unheard({"DOCKD__STORE__REGION": "eu"})
    assert said is not None
    assert said.startswith("DOCKD__STORE__REGION: not looked at here")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('kind = "s3"\nurl = "https://10.0.0.7"\ntoken_file = "@keys"', "F:3: store.url: names no bucket, expected a bucket's address"),
        ('kind = "s3"\nurl = "https://[::1]:9031/"\ntoken_file = "@keys"', "names no bucket"),
        ('kind = "s3"\nurl = "s3://footage"\ntoken_file = "@keys"', "expected a bucket's address"),
        ('kind = "s3"\nurl = "https://s/b"\ntoken_file = "@long"', "F:4: store.token_file: the file that store.token_file names is not in a form that is known, expected an access key"),
        ('url = "https://s"\ntoken_file = "@long"', "F:3: store.token_file: @long holds no token, expected a bearer token"),
        ('url = "https://s"\nproxy = "http://p"\nproxy_auth_file = "@long"', "F:4: store.proxy_auth_file: @long names no user"),
        ('url = "https://s"\nproxy = "http://user:hunter2@p"', "and the secret in proxy_auth_file"),
        ('url = "https://s"\nproxy = "proxy:3128"', 'expected a proxy\'s URL such as "http://proxy.example.org:3128"'),
    ],
)  # fmt: skip
def test_what_check_config_says(tmp_path: Path, lines: str, said: str) -> None:
    secret(tmp_path)
    secret(tmp_path, "these are hunter2 words\n", name="long")
    file = tmp_path / "F"
    file.write_text(
        f"[store]\n{lines}\n".replace("@", f"{tmp_path}/") if "user:" not in lines else f"[store]\n{lines}\n"
    )
    done = CliRunner().invoke(check_config, [str(file)])
    assert done.exit_code == 2, done.output
    assert said in done.output.replace(f"{tmp_path}/", "@").replace("@F:", "F:")
    assert "hunter2" not in done.output


def test_a_kind_that_is_none_says_nothing_of_secrets(tmp_path: Path) -> None:
    file = tmp_path / "F"
    file.write_text(f'[store]\nkind = "s4"\nurl = "https://s/b"\ntoken_file = "{secret(tmp_path, "a: b c")}"\n')
    assert CliRunner().invoke(check_config, [str(file)]).output.count("\n") == 1


@pytest.mark.parametrize("url", ["https://footage.s3.example.org", "https://s/footage", "https://10.0.0.7/footage"])
def test_what_may_name_a_bucket_is_taken(tmp_path: Path, url: str) -> None:
    file = tmp_path / "F"
    file.write_text(f'[store]\nkind = "s3"\nurl = "{url}"\ntoken_file = "{secret(tmp_path)}"\n')
    done = CliRunner().invoke(check_config, [str(file)])
    assert (done.exit_code, done.output) == (0, f"{file}: fine\n")


def test_a_client_certificate_has_its_key_in_the_same_file_unless_another_is_named(tmp_path: Path) -> None:
    cert, key = tmp_path / "dock.pem", tmp_path / "dock.key"
    for file in (cert, key):
        file.write_text("x")
        file.chmod(0o600)
    bare = {"token_file": None, "ca_file": None, "proxy": None, "proxy_auth_file": None, "region": None}
    alone = with_store(defaults(), url="https://s", given=Given(**bare, client_cert_file=cert)).store
    assert (alone.client_cert_file, alone.client_key_file) == (cert, cert)
    both = with_store(
        defaults(), url="https://s", given=Given(**bare, client_cert_file=cert, client_key_file=key)
    ).store
    assert (both.client_cert_file, both.client_key_file) == (cert, key)
    with pytest.raises(click.UsageError, match="--client-cert-file: has no use with an http:// url"):
        with_store(defaults(), url="http://127.0.0.1", given=Given(**bare, client_cert_file=cert))
