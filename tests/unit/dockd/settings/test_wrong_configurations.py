"""What check-config says of wrong configurations: each with its exact line and message."""

from __future__ import annotations

import pytest

from dockd.settings import read_text

STORE = '[store]\nurl = "https://s"\n'

WRONG = [
    pytest.param(
        '[store\nurl = "https://s"\n' + STORE,
        [
            "F:1: this is not TOML: expected ']' at the end of a table declaration, expected [section] alone on its line, with both brackets"
        ],
        id="not-toml",
    ),
    pytest.param(
        '[store]\nurl = "https://s',
        [
            'F:2: this is not TOML: unterminated string, expected a " at the end of the text, in the line in which it begins'
        ],
        id="half-a-string",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\n[wipe]\ngra',
        [
            "F:4: this is not TOML: expected '=' after a key in a key/value pair, expected [section] in brackets, or key = \"value\""
        ],
        id="half-a-key",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\nurl = "https://t"\n',
        ["F:3: store.url: this key is written twice, first in line 2, expected each key once in its section"],
        id="key-twice",
    ),
    pytest.param(
        '[wipe]\n[store]\nurl = "https://s"\n[wipe]\n',
        [
            "F:4: wipe: this section is begun twice, first in line 1, expected each section once, with all its keys below it"
        ],
        id="section-twice",
    ),
    pytest.param(
        "[store]\nurl = \u201chttps://hunter2\u201d\n",
        ['F:2: this is not TOML: invalid value, expected straight quotes ("), not typographic ones'],
        id="typographic-quotes",
    ),
    pytest.param(
        "[store]\nurl = hunter2\n",
        ['F:2: this is not TOML: invalid value, expected the value in quotes: url = "..."'],
        id="no-quotes",
    ),
    pytest.param(
        "[wipe]\nenabled = No\n" + STORE,
        ["F:2: this is not TOML: invalid value, expected enabled = false, in small letters and without quotes"],
        id="no",
    ),
    pytest.param(
        "[wipe]\nenabled =\n" + STORE,
        ["F:2: this is not TOML: invalid value, expected a value after enabled ="],
        id="no-value",
    ),
    pytest.param(
        "[spool]\nkeep_free = 5 GiB\n" + STORE,
        [
            'F:2: this is not TOML: expected newline or end of document after a statement, expected one key and its value on a line; sizes, rates, durations and texts stand in quotes: keep_free = "..."'
        ],
        id="size-without-quotes",
    ),
    pytest.param(
        "store:\n  url: hunter2\n",
        [
            "F:1: this is not TOML: expected '=' after a key in a key/value pair, expected key = \"value\" below a [section]: this looks like YAML"
        ],
        id="yaml",
    ),
    pytest.param(
        '[spool]\npath = "\\spool"\n' + STORE,
        [
            "F:2: this is not TOML: unescaped '\\' in a string, expected single quotes around what has backslashes in it: 'a\\b'"
        ],
        id="backslash",
    ),
    pytest.param(
        "[page]\nport = 8080\n" + STORE,
        [
            "F:2: page.port: unknown key, expected one of listen, tls_cert_file, tls_key_file, allowed_hosts, idle, plain_http (nearest known key: page.listen)"
        ],
        id="another-programs-word",
    ),
    pytest.param(
        "# " + "x" * 5000 + "\n" + STORE,
        ["F:1: a line of 5,002 characters, expected at most 4,096 characters in a line"],
        id="long-line",
    ),
    pytest.param(
        "x = " + "[" * 4000,
        ["F:1: lists or tables are nested too deeply, expected the sections that the documentation lists"],
        id="deep-nesting",
    ),
    pytest.param(
        "[pull]\nparallel = " + "9" * 4000 + "\n" + STORE,
        [
            "F:2: pull.parallel: a very large number is out of range, expected a whole number of cameras at once from 1 to 64"
        ],
        id="number-of-4000-digits",
    ),
    pytest.param(
        "# only a comment\n",
        ['F:1: store.url: is missing, expected url = "https://store.example.org" in [store]'],
        id="nothing-in-it",
    ),
    pytest.param(
        '[wipe]\nenabled = true\n\n[store]\nkind = "tus"\n',
        ['F:4: store.url: is missing, expected url = "https://store.example.org" in [store]'],
        id="url-missing",
    ),
    pytest.param(
        '[store]\nkind = "directory"\n',
        ['F:1: store.url: is missing, expected url = "/path/of/the/share" in [store]'],
        id="url-missing-directory",
    ),
    pytest.param(
        '\n[stor]\nurl = "https://s"\n',
        [
            'F:1: store.url: is missing, expected url = "https://store.example.org" in [store]',
            "F:2: stor: unknown section, expected one of [station], [docks], [cameras], [pull], [spool], [ledger], [store], [upload], [bandwidth], [wipe], [ready], [page], [oidc], [log], [registry], [[bays]] (nearest known key: store)",
        ],
        id="unknown-section",
    ),
    pytest.param(
        "[zebra]\n",
        [
            "F:1: zebra: unknown section, expected one of [station], [docks], [cameras], [pull], [spool], [ledger], [store], [upload], [bandwidth], [wipe], [ready], [page], [oidc], [log], [registry], [[bays]]",
            'F:1: store.url: is missing, expected url = "https://store.example.org" in [store]',
        ],
        id="unknown-section-far",
    ),
    pytest.param(
        "parallel = 3\n" + STORE,
        [
            "F:1: parallel: unknown key outside of any section, expected a [section] before it (nearest known key: pull.parallel)"
        ],
        id="key-before-any-section",
    ),
    pytest.param(
        "wipe = true\n" + STORE,
        ["F:1: wipe: true is not a section, expected a section [wipe]"],
        id="section-as-value",
    ),
    pytest.param(
        "[[wipe]]\nenabled = true\n" + STORE,
        ["F:1: wipe: a list is not a section, expected a section [wipe]"],
        id="section-as-tables",
    ),
    pytest.param(
        '[spool]\n# free\nkeep-free = "5 GiB"\n' + STORE,
        [
            "F:3: spool.keep-free: unknown key, expected one of path, keep_free, keep_confirmed (nearest known key: spool.keep_free)"
        ],
        id="unknown-key",
    ),
    pytest.param(
        '[spool]\nretry_max = "5 min"\n' + STORE,
        [
            "F:2: spool.retry_max: unknown key, expected one of path, keep_free, keep_confirmed (nearest known key: upload.retry_max)"
        ],
        id="unknown-key-of-another-section",
    ),
    pytest.param(
        "[spool]\nzebra = 1\n" + STORE,
        ["F:2: spool.zebra: unknown key, expected one of path, keep_free, keep_confirmed"],
        id="unknown-key-far",
    ),
    pytest.param(
        '[spool]\n"pa\\nth" = 1\n' + STORE,
        [
            "F:2: spool.pa\\nth: unknown key, expected one of path, keep_free, keep_confirmed (nearest known key: spool.path)"
        ],
        id="unknown-quoted-key",
    ),
    pytest.param(
        'wipe.graze = "1 s"\n' + STORE,
        ["F:1: wipe.graze: unknown key, expected one of enabled, grace (nearest known key: wipe.grace)"],
        id="dotted-key",
    ),
    pytest.param(
        'upload = { parallel = 2, chunks = "1 MiB" }\n' + STORE,
        [
            "F:1: upload.chunks: unknown key, expected one of parallel, chunk, retry_max (nearest known key: upload.chunk)"
        ],
        id="inline-table",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\ntoken = "hunter2"\n',
        [
            "F:3: store.token: unknown key, and a secret is never written here: use token_file, expected [store] token_file with the path of a file that holds the secret (nearest known key: store.token_file)"
        ],
        id="token-inline",
    ),
    pytest.param(
        '[page]\nadmin_password = "hunter2"\n' + STORE,
        [
            "F:2: page.admin_password: unknown key, and a secret is never written here: use token_file, expected [store] token_file with the path of a file that holds the secret (nearest known key: store.token_file)"
        ],
        id="password-inline",
    ),
    pytest.param(
        'secret = "hunter2"\n' + STORE,
        [
            "F:1: secret: unknown key, and a secret is never written here: use token_file, expected [store] token_file with the path of a file that holds the secret (nearest known key: store.token_file)"
        ],
        id="secret-section",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\ntoken_file = "hunter2"\n',
        [
            "F:3: store.token_file: what is written there is not an absolute path, expected the absolute path of a file that holds the token"
        ],
        id="token-in-token-file",
    ),
    pytest.param(
        "[station]\nname = 12\n" + STORE,
        ["F:2: station.name: 12 is not a string, expected a name of 1 to 64 printable characters, in quotes"],
        id="name-number",
    ),
    pytest.param(
        '[station]\nrack = ""\n' + STORE,
        ['F:2: station.rack: "" is not a name, expected a name of 1 to 64 printable characters, in quotes'],
        id="name-empty",
    ),
    pytest.param(
        '[station]\nname = """North\nGate"""\n' + STORE,
        ['F:2: station.name: "North\\nGate" is not a name, expected a name of 1 to 64 printable characters, in quotes'],
        id="name-two-lines",
    ),
    pytest.param(
        '[wipe]\nenabled = "yes"\n' + STORE,
        ['F:2: wipe.enabled: "yes" is neither true nor false, expected true or false, without quotes'],
        id="flag-word",
    ),
    pytest.param(
        "[docks]\nusb = 1\n" + STORE,
        ["F:2: docks.usb: 1 is neither true nor false, expected true or false, without quotes"],
        id="flag-number",
    ),
    pytest.param(
        '[docks]\nfolders = ["/srv/docks"]\n' + STORE,
        ['F:2: docks.folders: a list is not a string, expected one absolute path such as "/srv/docks"'],
        id="folders-list",
    ),
    pytest.param(
        '[docks]\nfolders = "docks"\n' + STORE,
        ['F:2: docks.folders: "docks" is not an absolute path, expected one absolute path such as "/srv/docks"'],
        id="folders-relative",
    ),
    pytest.param(
        '[spool]\npath = "~/spool"\n' + STORE,
        [
            'F:2: spool.path: "~/spool" is not an absolute path, ~ is not known here, expected an absolute path such as "/var/lib/dockd/spool"'
        ],
        id="path-home",
    ),
    pytest.param(
        '[spool]\npath = "/var/\\u0000"\n' + STORE,
        [
            'F:2: spool.path: "/var/\\x00" has control characters in it, expected an absolute path such as "/var/lib/dockd/spool"'
        ],
        id="path-nul",
    ),
    pytest.param(
        "[spool]\npath = 2026-01-01\n" + STORE,
        ['F:2: spool.path: a date or time is not a string, expected an absolute path such as "/var/lib/dockd/spool"'],
        id="path-date",
    ),
    pytest.param(
        "[pull]\nparallel = 0\n" + STORE,
        ["F:2: pull.parallel: 0 is out of range, expected a whole number of cameras at once from 1 to 64"],
        id="parallel-zero",
    ),
    pytest.param(
        "[pull]\nparallel = true\n" + STORE,
        ["F:2: pull.parallel: true is not a whole number, expected a whole number of cameras at once from 1 to 64"],
        id="parallel-flag",
    ),
    pytest.param(
        "[upload]\nparallel = 100000000000000000000000000000000000000000000\n" + STORE,
        [
            "F:2: upload.parallel: a very large number is out of range, expected a whole number of uploads at once from 1 to 64"
        ],
        id="parallel-huge",
    ),
    pytest.param(
        '[spool]\nkeep_free = "5 Gb"\n' + STORE,
        ['F:2: spool.keep_free: "5 Gb" is not a size, expected a size such as "5 GiB" or "500 MB", or whole bytes'],
        id="size-unit",
    ),
    pytest.param(
        "[spool]\nkeep_free = -1\n" + STORE,
        ['F:2: spool.keep_free: -1 is below zero, expected a size such as "5 GiB" or "500 MB", or whole bytes'],
        id="size-negative",
    ),
    pytest.param(
        "[spool]\nkeep_free = 5.5\n" + STORE,
        ['F:2: spool.keep_free: 5.5 is not a size, expected a size such as "5 GiB" or "500 MB", or whole bytes'],
        id="size-float",
    ),
    pytest.param(
        "[spool]\nkeep_free = nan\n" + STORE,
        [
            'F:2: spool.keep_free: not a number (nan) is not a size, expected a size such as "5 GiB" or "500 MB", or whole bytes'
        ],
        id="size-nan",
    ),
    pytest.param(
        '[spool]\nkeep_free = "99999999 TiB"\n' + STORE,
        [
            'F:2: spool.keep_free: "99999999 TiB" is more than any disk holds, expected a size such as "5 GiB" or "500 MB", or whole bytes, at most 1 EiB'
        ],
        id="size-absurd",
    ),
    pytest.param(
        '[upload]\nchunk = "1 KiB"\n' + STORE,
        [
            'F:2: upload.chunk: "1 KiB" is out of range, expected a size such as "5 GiB" or "500 MB", or whole bytes, from 16 KiB to 4 GiB'
        ],
        id="chunk-small",
    ),
    pytest.param(
        "[wipe]\ngrace = 60\n" + STORE,
        ['F:2: wipe.grace: 60 is not a duration, expected a duration such as "24 h", "10 min", "0 s" or "500 ms"'],
        id="duration-bare",
    ),
    pytest.param(
        '[wipe]\ngrace = "-60 s"\n' + STORE,
        ['F:2: wipe.grace: "-60 s" is not a duration, expected a duration such as "24 h", "10 min", "0 s" or "500 ms"'],
        id="duration-negative",
    ),
    pytest.param(
        '[wipe]\ngrace = "30 min 1 h"\n' + STORE,
        [
            'F:2: wipe.grace: "30 min 1 h" is not a duration, expected a duration such as "24 h", "10 min", "0 s" or "500 ms", the longest unit first'
        ],
        id="duration-order",
    ),
    pytest.param(
        '[spool]\nkeep_confirmed = "99999 d"\n' + STORE,
        [
            'F:2: spool.keep_confirmed: "99999 d" is too long to be meant, expected a duration such as "24 h", "10 min", "0 s" or "500 ms", at most 3650 d'
        ],
        id="duration-absurd",
    ),
    pytest.param(
        '[upload]\nretry_max = "0 s"\n' + STORE,
        [
            'F:2: upload.retry_max: "0 s" is out of range, expected a duration such as "24 h", "10 min", "0 s" or "500 ms", from 100 ms to 1 d'
        ],
        id="retry-zero",
    ),
    pytest.param(
        '[bandwidth]\nlimit = "0 Mbit/s"\n' + STORE,
        [
            'F:2: bandwidth.limit: "0 Mbit/s" would stop everything, expected a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s" (above 0; leave the key out for no limit)'
        ],
        id="rate-zero",
    ),
    pytest.param(
        "[bandwidth]\nlimit = 20\n" + STORE,
        ['F:2: bandwidth.limit: 20 is not a rate, expected a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s"'],
        id="rate-bare",
    ),
    pytest.param(
        '[bandwidth]\nlimit = "20 Mbps"\n' + STORE,
        ['F:2: bandwidth.limit: "20 Mbps" is not a rate, expected a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s"'],
        id="rate-mbps",
    ),
    pytest.param(
        "[bandwidth]\nlimit = inf\n" + STORE,
        ['F:2: bandwidth.limit: inf is not a rate, expected a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s"'],
        id="rate-inf",
    ),
    pytest.param(
        '[bandwidth]\nlimit = "1 bit/s"\n' + STORE,
        [
            'F:2: bandwidth.limit: "1 bit/s" is too slow to be meant, expected a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s", at least 1 kbit/s'
        ],
        id="rate-slow",
    ),
    pytest.param(
        '[bandwidth]\nlimit = "99999 Gbit/s"\n' + STORE,
        [
            'F:2: bandwidth.limit: "99999 Gbit/s" is faster than any link, expected a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s", at most 10 Tbit/s'
        ],
        id="rate-fast",
    ),
    pytest.param(
        '[bandwidth]\ntimetable = "Mon-Fri 07:00-19:00 20 Mbit/s"\n' + STORE,
        [
            'F:2: bandwidth.timetable: "Mon-Fri 07:00-19:00 20 Mbit/s" is not a list, expected a list of timetable lines: [a line such as "Mon-Fri 07:00-19:00 20 Mbit/s" or "Sat,Sun 00:00-24:00 unlimited", ...]'
        ],
        id="timetable-string",
    ),
    pytest.param(
        "[bandwidth]\n"
        "timetable = [\n"
        '  "Mon-Fri 07:00-19:00 20 Mbit/s", # day\n'
        '  "Mon-Fry 19:00-07:00 unlimited",\n'
        "]\n" + STORE,
        [
            'F:4: bandwidth.timetable: "Mon-Fry 19:00-07:00 unlimited": "Fry" is no day, expected days out of Mon, Tue, Wed, Thu, Fri, Sat, Sun'
        ],
        id="timetable-second-line",
    ),
    pytest.param(
        '[bandwidth]\ntimetable = ["Mon 07:00-24:30 unlimited"]\n' + STORE,
        [
            'F:2: bandwidth.timetable: "Mon 07:00-24:30 unlimited": 24:30 is no time of day, expected a line such as "Mon-Fri 07:00-19:00 20 Mbit/s" or "Sat,Sun 00:00-24:00 unlimited"'
        ],
        id="timetable-hour",
    ),
    pytest.param(
        '[bandwidth]\ntimetable = ["Mon 07:00-07:00 unlimited"]\n' + STORE,
        [
            'F:2: bandwidth.timetable: "Mon 07:00-07:00 unlimited" is a span of no length, expected a line such as "Mon-Fri 07:00-19:00 20 Mbit/s" or "Sat,Sun 00:00-24:00 unlimited" (00:00-24:00 is the whole day)'
        ],
        id="timetable-empty-span",
    ),
    pytest.param(
        '[bandwidth]\ntimetable = ["Mon 07:00-08:00 fast"]\n' + STORE,
        ['F:2: bandwidth.timetable: "fast" is not a rate, expected a rate such as "20 Mbit/s", "1 Gbit/s" or "2 MB/s"'],
        id="timetable-rate",
    ),
    pytest.param(
        "[bandwidth]\ntimetable = [7]\n" + STORE,
        [
            'F:2: bandwidth.timetable: 7 is not a string, expected a line such as "Mon-Fri 07:00-19:00 20 Mbit/s" or "Sat,Sun 00:00-24:00 unlimited"'
        ],
        id="timetable-number",
    ),
    pytest.param(
        '[bandwidth]\nevidential = "never"\n' + STORE,
        ['F:2: bandwidth.evidential: "never" is not one of the words known, expected "unlimited" or "limited"'],
        id="evidential-word",
    ),
    pytest.param(
        "[ready]\nmin_battery = 101\n" + STORE,
        ["F:2: ready.min_battery: 101 is out of range, expected a whole number of per cent from 0 to 100"],
        id="battery",
    ),
    pytest.param(
        "[ready]\nmin_battery = 80.5\n" + STORE,
        ["F:2: ready.min_battery: 80.5 is not a whole number, expected a whole number of per cent from 0 to 100"],
        id="battery-float",
    ),
    pytest.param(
        '[ready]\nmax_clock_offset = "0 s"\n' + STORE,
        [
            'F:2: ready.max_clock_offset: "0 s" is out of range, expected a duration such as "24 h", "10 min", "0 s" or "500 ms", from 1 s to 1 d'
        ],
        id="clock-offset-zero",
    ),
    pytest.param(
        '[store]\nkind = "ftp"\nurl = "https://s"\n',
        ['F:2: store.kind: "ftp" is not one of the words known, expected "tus" or "s3" or "directory"'],
        id="kind-unknown",
    ),
    pytest.param(
        '[store]\nurl = "ftp://s"\n',
        [
            'F:2: store.url: is not a URL that begins with https:// or http://, expected a URL such as "https://store.example.org"'
        ],
        id="url-scheme",
    ),
    pytest.param(
        '[store]\nurl = "https://"\n',
        ['F:2: store.url: is a URL without a host, expected a URL such as "https://store.example.org"'],
        id="url-host",
    ),
    pytest.param(
        '[store]\nurl = "https://s:99999"\n',
        [
            'F:2: store.url: is not a URL (its host or port cannot be read), expected a URL such as "https://store.example.org"'
        ],
        id="url-port",
    ),
    pytest.param(
        '[store]\nurl = "https://dock:hunter2@s"\n',
        [
            'F:2: store.url: has a user or password in it, expected a URL such as "https://store.example.org", and the secret in token_file'
        ],
        id="url-user",
    ),
    pytest.param(
        '[store]\nurl = "https://s/?key=hunter2"\n',
        ['F:2: store.url: has a query or fragment (? or #) in it, expected a URL such as "https://store.example.org"'],
        id="url-query",
    ),
    pytest.param(
        '[store]\nurl = "https://s /"\n',
        [
            'F:2: store.url: is not a URL (spaces or special characters in it), expected a URL such as "https://store.example.org"'
        ],
        id="url-space",
    ),
    pytest.param(
        '[store]\nkind = "directory"\nurl = "https://s"\n',
        [
            'F:3: store.url: is not an absolute path, expected the absolute path of the store\'s folder, as kind is "directory"'
        ],
        id="url-for-directory",
    ),
    pytest.param(
        '[store]\nurl = "/srv/store"\n',
        [
            'F:2: store.url: is not a URL that begins with https:// or http://, expected a URL such as "https://store.example.org"'
        ],
        id="path-for-tus",
    ),
    pytest.param(
        "[store]\nurl = 5\n",
        ['F:2: store.url: 5 is not a string, expected a URL such as "https://store.example.org"'],
        id="url-number",
    ),
    pytest.param(
        '[store]\nurl = "http://10.0.0.7:9000"\ntoken_file = "/etc/dockd/store.token"\n',
        [
            'F:2: store.url: would send the token of token_file over the network in clear, expected a URL such as "https://store.example.org"'
        ],
        id="token-in-clear",
    ),
    pytest.param(
        '[store]\nurl = "http://localhost:9000"\nca_file = "/etc/dockd/ca.pem"\n',
        ["F:3: store.ca_file: has no use with an http:// url, expected store.url with https://"],
        id="ca-without-tls",
    ),
    pytest.param(
        '[store]\nkind = "directory"\nurl = "/mnt/store"\nca_file = "/etc/dockd/ca.pem"\n',
        ['F:4: store.ca_file: has no use with kind = "directory", expected no such key'],
        id="ca-for-directory",
    ),
    pytest.param(
        '[store]\nkind = "s3"\nurl = "http://10.0.0.7:9000/footage"\n',
        [
            'F:1: store.token_file: is missing, as kind is "s3", expected token_file = the absolute path of a file that holds the access key and its secret'
        ],
        id="s3-without-a-key",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\nregion = "eu-west-1"\nobject_lock = "off"\n',
        [
            'F:3: store.region: has no use with kind = "tus", expected no such key',
            'F:4: store.object_lock: has no use with kind = "tus", expected no such key',
        ],
        id="s3-keys-for-tus",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\nclient_cert_file = "/etc/dockd/dock.pem"\n',
        [
            "F:3: store.client_cert_file: is there without client_key_file, expected both client_cert_file and client_key_file, or neither"
        ],
        id="client-cert-alone",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\nproxy_auth_file = "/etc/dockd/proxy.auth"\n',
        ["F:3: store.proxy_auth_file: is there without proxy, expected store.proxy too, or no proxy_auth_file"],
        id="proxy-auth-alone",
    ),
    pytest.param(
        '[store]\nurl = "https://s"\npin = "two words"\n',
        [
            'F:3: store.pin: "two words" has characters that do not belong in it, expected the thumbprint of the store\'s key, or the id of a store that has none'
        ],
        id="pin-characters",
    ),
    pytest.param(
        '[page]\nlisten = "0.0.0.0:8080"\n' + STORE,
        [
            'F:2: page.listen: 0.0.0.0:8080 can be reached from other machines, and what people type would go over the line in clear, expected tls_cert_file and tls_key_file (or plain_http = true, if in clear is what you want), and a user where there is none yet (`dockd user add NAME --role ops`); or an address of this machine alone, such as "127.0.0.1:8080"'
        ],
        id="listen-everywhere",
    ),
    pytest.param(
        '[page]\nlisten = "127.0.0.1:65536"\n' + STORE,
        ["F:2: page.listen: 65536 is no port, expected a port from 0 to 65535 (0: any free one)"],
        id="listen-port",
    ),
    pytest.param(
        '[page]\nlisten = "127.0.0.1"\n' + STORE,
        [
            'F:2: page.listen: "127.0.0.1" is not an address to listen on, expected ADDRESS:PORT such as "127.0.0.1:8080" or "[::1]:8080"'
        ],
        id="listen-no-port",
    ),
    pytest.param(
        '[page]\nlisten = "dock3:8080"\n' + STORE,
        [
            'F:2: page.listen: "dock3:8080" is not an address to listen on, expected ADDRESS:PORT such as "127.0.0.1:8080" or "[::1]:8080"'
        ],
        id="listen-name",
    ),
    pytest.param(
        '[page]\nlisten = "::1:8080"\n' + STORE,
        [
            'F:2: page.listen: "::1:8080" is not an address to listen on, expected ADDRESS:PORT such as "127.0.0.1:8080" or "[::1]:8080"'
        ],
        id="listen-ipv6-bare",
    ),
    pytest.param(
        '[page]\ntls_key_file = "/etc/dockd/page.key"\n' + STORE,
        [
            "F:2: page.tls_key_file: is there without tls_cert_file, expected both tls_cert_file and tls_key_file, or neither"
        ],
        id="tls-key-alone",
    ),
    pytest.param(
        '[page]\nallowed_hosts = ["dock3", "dock4:8080"]\n' + STORE,
        [
            'F:2: page.allowed_hosts: "dock4:8080" is not a host name, expected a host name or address without port, such as "dock-3.example.org"'
        ],
        id="host-with-port",
    ),
    pytest.param(
        '[page]\nallowed_hosts = ["https://dock3"]\n' + STORE,
        [
            'F:2: page.allowed_hosts: "https://dock3" is not a host name, expected a host name or address without port, such as "dock-3.example.org"'
        ],
        id="host-url",
    ),
    pytest.param(
        '[oidc]\nissuer = "http://login.example.org"\nclient_id = "d"\nroles = { "s" = "sergeant" }\n' + STORE,
        [
            'F:2: oidc.issuer: would be asked over the network in clear, expected the provider\'s issuer such as "https://login.example.org/tenant"'
        ],
        id="oidc-in-clear",
    ),
    pytest.param(
        '[oidc]\nissuer = "https://dockd:hunter2@login.example.org"\nclient_id = "d"\nroles = { "s" = "sergeant" }\n'
        + STORE,
        [
            'F:2: oidc.issuer: has a user or password in it, expected the provider\'s issuer such as "https://login.example.org/tenant", and the secret in client_secret_file'
        ],
        id="oidc-secret-in-the-issuer",
    ),
    pytest.param(
        '[oidc]\nissuer = "https://login.example.org"\nscopes = ["profile"]\n' + STORE,
        [
            "F:1: oidc.client_id: is missing, expected the id that the provider has given to this dock",
            'F:1: oidc.roles: is missing, expected what the provider says and the role that it is: { "bwc-sergeants" = "sergeant" }, with viewer, sergeant or ops',
            'F:3: oidc.scopes: has no "openid" in it, expected scopes with "openid" in it',
        ],
        id="oidc-half",
    ),
    pytest.param(
        '[oidc]\nclient_id = "d"\nca_file = "/etc/ca.pem"\nname_claim = "email"\n' + STORE,
        [
            "F:2: oidc.client_id: is there without issuer, expected oidc.issuer too, or no such key",
            "F:3: oidc.ca_file: is there without issuer, expected oidc.issuer too, or no such key",
        ],
        id="oidc-without-issuer",
    ),
    pytest.param(
        '[oidc]\nissuer = "http://127.0.0.1:9000"\nclient_id = "d"\nca_file = "/etc/ca.pem"\nroles = { "s" = "wall" }\n'
        + STORE,
        [
            "F:4: oidc.ca_file: has no use with an http:// issuer, expected oidc.issuer with https://",
            'F:5: oidc.roles: "wall" is no role that a person may get, expected what the provider says and the role that it is: { "bwc-sergeants" = "sergeant" }, with viewer, sergeant or ops',
        ],
        id="oidc-wall-role",
    ),
    pytest.param(
        '[oidc]\nissuer = "https://login.example.org"\nclient_id = "d"\nclient_secret = "hunter2"\nroles = ["s"]\n'
        + STORE,
        [
            "F:4: oidc.client_secret: unknown key, and a secret is never written here: use client_secret_file, expected [oidc] client_secret_file with the path of a file that holds the secret (nearest known key: oidc.client_secret_file)",
            'F:5: oidc.roles: a list is not a table, expected what the provider says and the role that it is: { "bwc-sergeants" = "sergeant" }, with viewer, sergeant or ops',
        ],
        id="oidc-secret-inline",
    ),
    pytest.param(
        '[log]\nformat = "text"\n' + STORE,
        ['F:2: log.format: "text" is not one of the words known, expected "json" or "console" or "journald"'],
        id="log-format",
    ),
    pytest.param(
        '[log]\nlevel = "INFO"\n' + STORE,
        ['F:2: log.level: "INFO" is not one of the words known, expected "debug" or "info" or "warning" or "error"'],
        id="log-level",
    ),
    pytest.param(
        '[bays]\nnumber = 1\nusb_path = "1-1"\n' + STORE,
        ["F:1: bays: a table is not a list of tables, expected [[bays]] before each bay's number and usb_path"],
        id="bays-single",
    ),
    pytest.param(
        "bays = [1]\n" + STORE,
        ["F:1: bays: 1 is not a table, expected [[bays]] before each bay's number and usb_path"],
        id="bays-not-tables",
    ),
    pytest.param(
        '[[bays]]\nnumber = 0\nusb_path = "1-1"\n' + STORE,
        ["F:2: bays.number: 0 is out of range, expected a whole number from 1 to 999"],
        id="bay-zero",
    ),
    pytest.param(
        '[[bays]]\nnumber = "1"\nusb_path = "1-1"\n' + STORE,
        ['F:2: bays.number: "1" is not a whole number, expected a whole number from 1 to 999'],
        id="bay-string",
    ),
    pytest.param(
        '[[bays]]\nnumber = 1\nusb_path = "1-1"\n\n[[bays]]\nnumber = 2\n' + STORE,
        ['F:5: bays.usb_path: is missing, expected the port\'s path such as "pci-0000:00:14.0-usb-0:1.4"'],
        id="bay-path-missing",
    ),
    pytest.param(
        '[[bays]]\nnumber = 1\nusb_path = "port one"\n' + STORE,
        [
            'F:3: bays.usb_path: "port one" has characters that do not belong in it, expected the port\'s path such as "pci-0000:00:14.0-usb-0:1.4"'
        ],
        id="bay-path-characters",
    ),
    pytest.param(
        '[[bays]]\nnumber = 1\nusb_path = "1-1"\n[[bays]]\nnumber = 2\nusb_path = "1-2"\nusbpath = "1-3"\n' + STORE,
        ["F:7: bays.usbpath: unknown key, expected one of number, usb_path (nearest known key: bays.usb_path)"],
        id="bay-unknown-key",
    ),
    pytest.param(
        "[[bays]]\n"
        "number = 1\n"
        'usb_path = "1-1"\n'
        "[[bays]]\n"
        'number = "x"\n'
        'usb_path = "1-2"\n'
        "[[bays]]\n"
        "number = 1\n"
        'usb_path = "1-3"\n' + STORE,
        [
            'F:5: bays.number: "x" is not a whole number, expected a whole number from 1 to 999',
            "F:8: bays.number: bay 1 is already in line 2, expected each bay once",
        ],
        id="bay-number-twice",
    ),
    pytest.param(
        'bays = [\n  { number = 1, usb_path = "1-1" },\n  { number = 2, usb_path = "1-1" },\n]\n' + STORE,
        ["F:3: bays.usb_path: port 1-1 is already in line 2, expected each port once"],
        id="bay-port-twice-inline",
    ),
    pytest.param(
        '[docks]\nfolders = "/srv/docks"\n[spool]\npath = "/srv/docks/../docks/spool"\n' + STORE,
        ["F:4: spool.path: lies inside docks.folders (/srv/docks), expected a place apart from it"],
        id="spool-in-docks",
    ),
    pytest.param(
        '[docks]\nfolders = "/srv/docks"\n[ledger]\npath = "/srv/docks/state/ledger.db"\n' + STORE,
        ["F:4: ledger.path: lies inside docks.folders (/srv/docks), expected a place apart from it"],
        id="ledger-in-docks",
    ),
    pytest.param(
        '[docks]\nfolders = "/var/lib/dockd/spool/docks"\n' + STORE,
        ["F:2: docks.folders: lies inside spool.path (/var/lib/dockd/spool), expected a place apart from it"],
        id="docks-in-spool",
    ),
    pytest.param(
        '[docks]\nfolders = "/srv/x"\n[spool]\npath = "/srv/x/"\n' + STORE,
        ["F:4: spool.path: is the same place as docks.folders (/srv/x), expected a place apart from it"],
        id="docks-is-spool",
    ),
    pytest.param(
        '[docks]\nfolders = "/srv/state"\n[ledger]\npath = "/srv/state/ledger.db"\n' + STORE,
        ["F:4: ledger.path: lies inside docks.folders (/srv/state), expected a place apart from it"],
        id="docks-is-state",
    ),
    pytest.param(
        '[docks]\nfolders = "/var/lib"\n' + STORE,
        [
            "F:2: docks.folders: spool.path (/var/lib/dockd/spool) lies inside it, expected a place apart from it",
            "F:2: docks.folders: ledger.path (/var/lib/dockd/ledger.db) lies inside it, expected a place apart from it",
        ],
        id="docks-hold-default-state",
    ),
    pytest.param(
        '[docks]\nfolders = "/var/lib/dockd/keys"\n' + STORE,
        [
            "F:2: docks.folders: the keys folder beside ledger.path (/var/lib/dockd/keys) is the same place as it, expected a place apart from it"
        ],
        id="keys-in-docks",
    ),
    pytest.param(
        '[docks]\nfolders = "/srv/docks"\n[log]\nfile = "/srv/docks/dockd.log"\n' + STORE,
        ["F:4: log.file: lies inside docks.folders (/srv/docks), expected a place apart from it"],
        id="log-in-docks",
    ),
    pytest.param(
        '[ledger]\npath = "/var/lib/dockd/spool/ledger.db"\n' + STORE,
        ["F:2: ledger.path: lies inside spool.path (/var/lib/dockd/spool), expected a place apart from it"],
        id="ledger-in-spool",
    ),
    pytest.param(
        '[docks]\nfolders = "/srv/docks"\n[store]\nkind = "directory"\nurl = "/srv/docks/store"\n',
        ["F:5: store.url: lies inside docks.folders (/srv/docks), expected a place apart from it"],
        id="store-in-docks",
    ),
    pytest.param(
        '[store]\nkind = "directory"\nurl = "/var/lib/dockd/spool"\n',
        ["F:3: store.url: spool.path (/var/lib/dockd/spool) is the same place as it, expected a place apart from it"],
        id="store-is-spool",
    ),
    pytest.param(
        '[station]\nname = 1\n[pull]\nparallel = 0\n[store]\nurl = "x"\n[wipe]\ngrace = "soon"\n',
        [
            "F:2: station.name: 1 is not a string, expected a name of 1 to 64 printable characters, in quotes",
            "F:4: pull.parallel: 0 is out of range, expected a whole number of cameras at once from 1 to 64",
            'F:6: store.url: is not a URL that begins with https:// or http://, expected a URL such as "https://store.example.org"',
            'F:8: wipe.grace: "soon" is not a duration, expected a duration such as "24 h", "10 min", "0 s" or "500 ms"',
        ],
        id="everything-at-once",
    ),
    pytest.param(
        '[store]\nkind = "direktory"\nurl = "/mnt/store"\n',
        ['F:2: store.kind: "direktory" is not one of the words known, expected "tus" or "s3" or "directory"'],
        id="wrong-kind-says-nothing-of-the-url",
    ),
    pytest.param(
        '[docks]\nfolders = "/var/lib/dockd/spool"\n[spool]\npath = "spool"\n' + STORE,
        ['F:4: spool.path: "spool" is not an absolute path, expected an absolute path such as "/var/lib/dockd/spool"'],
        id="wrong-path-is-not-judged-by-its-default",
    ),
    pytest.param(
        "[bandwidth]\n"
        "timetable = [\n"
        '  "Mon 7-8 unlimited",\n'
        '  "Tue 07:00-08:00 unlimited",\n'
        '  "Wed 07:00-08:00",\n'
        "]\n" + STORE,
        [
            'F:3: bandwidth.timetable: "Mon 7-8 unlimited" is no timetable line, expected a line such as "Mon-Fri 07:00-19:00 20 Mbit/s" or "Sat,Sun 00:00-24:00 unlimited"',
            'F:5: bandwidth.timetable: "Wed 07:00-08:00" is no timetable line, expected a line such as "Mon-Fri 07:00-19:00 20 Mbit/s" or "Sat,Sun 00:00-24:00 unlimited"',
        ],
        id="two-wrong-lines-in-one-list",
    ),
    pytest.param(
        '[station]\nname = """\n[pull]\nparallel = 0\n"""\n[pull]\nparallel = 0\n' + STORE,
        [
            'F:2: station.name: "[pull]\\nparallel = 0\\n" is not a name, expected a name of 1 to 64 printable characters, in quotes',
            "F:7: pull.parallel: 0 is out of range, expected a whole number of cameras at once from 1 to 64",
        ],
        id="key-after-a-long-string",
    ),
    pytest.param(
        '[wipe]\r\nenabled = true\r\ngrace = "x"\r\n' + STORE,
        ['F:3: wipe.grace: "x" is not a duration, expected a duration such as "24 h", "10 min", "0 s" or "500 ms"'],
        id="windows-line-ends",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_every_mistake_is_named_with_its_line(text: str, said: list[str]) -> None:
    reading = read_text(text, file="F", environ={})
    assert [str(mistake) for mistake in reading.mistakes] == said


@pytest.mark.parametrize("text", [case.values[0] for case in WRONG])
def test_no_secret_is_repeated(text: object) -> None:
    reading = read_text(str(text), file="F", environ={})
    assert "hunter2" not in " ".join(str(mistake) for mistake in reading.mistakes)


def test_a_list_of_no_mistakes_for_what_is_right() -> None:
    assert read_text(STORE, file="F", environ={}).mistakes == ()
