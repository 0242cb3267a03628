"""What is said of wrong profiles: each mistake with its line and key; and never anything but ProfilesWrong, whatever the text is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.docks.usb_mounting import below_one_root
from dockd.profiles.model import Identity, Match, Profile
from dockd.profiles.parsing import ProfilesWrong, read_profile
from dockd.profiles.schema import LONGEST_PATTERN
from ingest.rules import FileRules, Grouping

TOP = 'name = "cam"\ntitle = "A camera"\n'
NAMED = '[match.usb]\nID_VENDOR_ID = "1d6b"\nID_MODEL_ID = "0104"\n'
FILES = '[files]\nsegments = ["**/*.MP4"]\n'
UNLOCK = TOP + 'kind = "unlock"\n' + NAMED + FILES + "[unlock]\n"


def mistakes(text: str, *, shipped: bool = False) -> list[str]:
    with pytest.raises(ProfilesWrong) as caught:
        read_profile(text, file="F", shipped=shipped)
    assert str(caught.value) == "\n".join(map(str, caught.value.mistakes))
    return [str(mistake) for mistake in caught.value.mistakes]


def test_the_least_that_is_a_profile() -> None:
    assert read_profile(TOP + NAMED + FILES, file="F", shipped=False) == Profile(
        name="cam",
        title="A camera",
        shipped=False,
        match=Match(usb={"ID_VENDOR_ID": "1d6b", "ID_MODEL_ID": "0104"}),
        rules=FileRules(segments=("**/*.MP4",)),
    )


def test_everything() -> None:
    text = (
        TOP
        + 'generic = true\nwipe = false\ntime_zone = "local"\n[match]\ncontents = ["DCIM|MISC"]\n'
        + NAMED
        + '[match.volume]\nID_FS_TYPE = "vfat"\n[identity]\nserial = "volume-label"\ncard = "none"\n'
        + FILES
        + 'sidecars = ["**/*.JSON"]\nignorable = ["x/**"]\n[grouping]\npattern = "(?P<recording>a)"\npre_record = "30 s"\n'
    )
    assert read_profile(text, file="F", shipped=True, source=Path("/F")) == Profile(
        name="cam", title="A camera", generic=True, wipe=False, time_zone="local", shipped=True, source=Path("/F"),
        match=Match(usb={"ID_VENDOR_ID": "1d6b", "ID_MODEL_ID": "0104"}, volume={"ID_FS_TYPE": "vfat"}, contents=("DCIM|MISC",)),
        identity=Identity(serial="volume-label", card="none"),
        rules=FileRules(
            segments=("**/*.MP4",), sidecars=("**/*.JSON",), ignorable=("x/**",),
            grouping=Grouping(pattern="(?P<recording>a)", pre_record=30.0),
        ),
    )  # fmt: skip


WRONG = [
    ("name = ", ["F:1: this is not TOML: invalid value, expected a value after name ="]),
    ("# nothing\n", [
        'F:1: name: is missing, expected lower-case letters, digits and - (at most 32), such as "patrol-camera"',
        "F:1: title: is missing, expected a name of 1 to 64 printable characters, in quotes",
        'F:1: files.segments: is missing, expected a list of path patterns: [a path pattern such as "DCIM/*/*.MP4" or "System Volume Information/**", ...]',
    ]),
    ('name = "Cam 1"\ntitle = 3\n' + NAMED + FILES, [
        'F:1: name: "Cam 1" is not a profile\'s name, expected lower-case letters, digits and - (at most 32), such as "patrol-camera"',
        "F:2: title: 3 is not a string, expected a name of 1 to 64 printable characters, in quotes",
    ]),
    ('name = "folder"\ntitle = "x"\n' + NAMED + FILES, ['F:1: name: "folder" is what docks that are folders are called, expected another name']),
    (TOP + "wype = true\n" + NAMED + FILES, [
        "F:3: wype: unknown key, expected one of name, title, kind, generic, wipe, time_zone (nearest known key: wipe)",
    ]),
    (TOP + "segments = []\n" + NAMED + FILES, [
        "F:3: segments: unknown key, expected one of name, title, kind, generic, wipe, time_zone (nearest known key: files.segments)",
    ]),
    (TOP + NAMED + FILES + "[matches]\nx = 1\n", [
        "F:8: matches: unknown section, expected one of [match], [match.usb], [match.volume], [identity], [files], [grouping], [unlock] (nearest known key: match)",
    ]),
    (TOP + 'match = "x"\n' + FILES, ['F:3: match: "x" is not a section, expected a section [match]']),
    (TOP + "[match]\nusb = 1\n[match.volumes]\nx = 1\n" + FILES, [
        "F:4: match.usb: 1 is not a section, expected a section [match.usb]",
        "F:5: match.volumes: unknown key, expected one of contents, usb, volume (nearest known key: match.volume)",
    ]),
    (TOP + '[match.usb]\nid_vendor = "1"\nID_VENDOR_ID = ""\nID_MODEL_ID = "1||2"\nID_SERIAL = 7\n' + FILES, [
        "F:4: match.usb.id_vendor: is no property, expected the name of a udev property, such as ID_VENDOR_ID or ID_FS_LABEL",
        'F:5: match.usb.ID_VENDOR_ID: "" is empty, or has an empty alternative, expected a pattern such as "vfat|exfat", "CAM*" or "?*" (anything, but not nothing)',
        'F:6: match.usb.ID_MODEL_ID: "1||2" is empty, or has an empty alternative, expected a pattern such as "vfat|exfat", "CAM*" or "?*" (anything, but not nothing)',
        'F:7: match.usb.ID_SERIAL: 7 is not a string, expected a pattern such as "vfat|exfat", "CAM*" or "?*" (anything, but not nothing)',
    ]),
    (TOP + FILES, [
        'F:1: match: asks nothing of the device: every disk would fit, expected [match.usb] or [match.volume] with a property, such as ID_FS_TYPE = "vfat|exfat"',
        "F:1: match: names no device: everybody's memory stick would be emptied as a camera of this site, expected ID_VENDOR_ID and ID_MODEL_ID in full, or ID_SERIAL_SHORT, ID_FS_LABEL or ID_FS_UUID as your cameras alone have it, or else generic = true (and the registry lists them), or wipe = false",
    ]),
    (TOP + '[match.volume]\nID_FS_TYPE = "vfat"\nID_FS_LABEL = "?*"\n' + FILES, [
        'F:5: match.volume.ID_FS_LABEL: "?*" fits other people\'s devices: it has no 4 letters or digits in one run, expected ID_VENDOR_ID and ID_MODEL_ID in full, or ID_SERIAL_SHORT, ID_FS_LABEL or ID_FS_UUID as your cameras alone have it, or else generic = true (and the registry lists them), or wipe = false',
    ]),
    (TOP + NAMED + '[files]\nsegments = ["/DCIM/*", "ok/*",\n"a**"]\n', [
        'F:7: files.segments: "/DCIM/*" has an empty name, . or .. in it: paths begin below the volume\'s root, without a slash, expected a path pattern such as "DCIM/*/*.MP4" or "System Volume Information/**"',
        'F:8: files.segments: "a**" has ** beside other characters: it stands alone between slashes, expected a path pattern such as "DCIM/*/*.MP4" or "System Volume Information/**"',
    ]),
    (TOP + NAMED + FILES + 'ignorable = ["**/*.mp4", "**"]\n', [
        'F:8: files.ignorable: "**/*.mp4" is a segment or sidecar, too, expected patterns of what no one needs',
        'F:8: files.ignorable: "**" could be any file, and none would be copied, expected a name in it',
    ]),
    (TOP + NAMED + FILES + '[grouping]\npattern = "(?P<recording>.*)(.*)"\npre_record = "30"\n', [
        'F:9: grouping.pattern: "(?P<recording>.*)(.*)" can match in too many ways, and a hostile name would keep the dock busy, expected at most one open-ended repeat; of the others make \\d+ a \\d++ or \\d{4}',
        'F:10: grouping.pre_record: "30" is not a duration, expected a duration such as "24 h", "10 min", "0 s" or "500 ms"',
    ]),
    (TOP + NAMED + FILES + '[grouping]\npost_record = "5 s"\n', [
        "F:8: grouping.pattern: is missing: first and last parts are not known, expected a pattern",
    ]),
    (TOP + 'time_zone = "Mars/Olympus"\n' + NAMED + FILES, [
        'F:3: time_zone: "Mars/Olympus" is no time zone that this machine knows, expected "UTC", "local" (the station\'s) or a name such as "Europe/Vienna"',
    ]),
    (TOP + 'time_zone = "../../etc/passwd"\n' + NAMED + FILES, [
        'F:3: time_zone: "../../etc/passwd" is no time zone that this machine knows, expected "UTC", "local" (the station\'s) or a name such as "Europe/Vienna"',
    ]),
    (TOP + NAMED + FILES + '[identity]\nserial = "device-id"\n[unlock]\nbecome_disk = "x"\n', [
        'F:9: identity.serial: is known with kind = "unlock" alone, expected another word',
        'F:10: unlock: has no use with kind = "disk", expected kind = "unlock", or no such section',
    ]),
    (TOP + 'kind = "mtp"\n[match]\ncontents = ["x"]\n[identity]\nserial = "volume-uuid"\ncard = "volume-uuid"\n' + FILES, [
        'F:4: match.usb: asks nothing of the device: every device would fit, expected [match.usb] with a property, such as ID_USB_INTERFACES = "*:060101:*"',
        "F:4: match: names no device: everybody's memory stick would be emptied as a camera of this site, expected ID_VENDOR_ID and ID_MODEL_ID in full, or ID_SERIAL_SHORT, ID_FS_LABEL or ID_FS_UUID as your cameras alone have it, or else generic = true (and the registry lists them), or wipe = false",
        'F:5: match.contents: has no use with kind = "mtp": there is no volume, expected no such key',
        'F:7: identity.serial: cannot be known with kind = "mtp", expected "usb-serial"',
        'F:8: identity.card: cannot be known with kind = "mtp", expected "none"',
    ]),
    (TOP + 'kind = "unlock"\n[match.usb]\nID_VENDOR_ID = "425?"\n' + FILES, [
        "F:1: unlock.become_disk: is missing, expected the command that makes the camera a disk",
        'F:4: match.usb.ID_MODEL_ID: is not named in full: commands are sent to named devices only, expected ID_MODEL_ID = "4255" or the like, without * and ?',
        'F:5: match.usb.ID_VENDOR_ID: is not named in full: commands are sent to named devices only, expected ID_VENDOR_ID = "4255" or the like, without * and ?',
    ]),
    (UNLOCK + 'login = "a"\npassword = "hunter2"\n', [
        "F:11: unlock.password: unknown key, expected one of login, accepted, ask_id, id_pattern, ask_clock, clock_pattern, ask_battery, battery_pattern, set_clock, become_disk, terminator, time_format, time_zone, interface, wait, password_file, label_is_id (nearest known key: unlock.password_file)",
    ]),
    (UNLOCK + 'login = "{password}{secret}"\nset_clock = "x"\ntime_format = "%q"\nterminator = ""\npassword_file = "hunter2"\n', [
        'F:10: unlock.login: "{password}{secret}" has a { or } that fills in nothing known, expected a command such as "@Gdv;8;{password};", with {password}, {time} or {time:%Y%m%d} filled in',
        'F:11: unlock.set_clock: "x" is not a list, expected a list of commands: [a command such as "@Gdv;8;{password};", with {password}, {time} or {time:%Y%m%d} filled in, ...]',
        'F:12: unlock.time_format: "%q" is no order of a time, expected the order of a time such as "%Y%m%d%H%M%S" (%Y %m %d %H %M %S %y %j %%)',
        'F:13: unlock.terminator: "" is no terminator, expected one to eight ASCII characters, such as "#" or "\\r\\n"',
        'F:14: unlock.password_file: what is written there is not an absolute path, expected an absolute path such as "/etc/dockd/camera-password"',
    ]),
    (UNLOCK + 'login = "{password}"\nset_clock = ["x"]\n', [
        "F:9: unlock.become_disk: is missing, expected the command that makes the camera a disk",
        "F:9: unlock.password_file: is missing, expected the path of a file with the password that {password} stands for",
        "F:11: unlock.set_clock: says no time, expected a command with {time} in it",
    ]),
    (UNLOCK + 'become_disk = "x"\naccepted = "OK"\npassword_file = "/x"\nlabel_is_id = false\n[identity]\nserial = "device-id"\n', [
        "F:11: unlock.accepted: has no use without login, expected unlock.login",
        "F:12: unlock.password_file: has no use: no command has {password} in it, expected no such key",
        'F:15: identity.serial: is an id that the disk does not carry: nobody could tell that a disk is the camera that told it, expected unlock.label_is_id = true, or "usb-serial", "volume-label" or "volume-uuid"',
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*one, id=str(n)) for n, one in enumerate(WRONG)])
def test_every_mistake_with_its_line(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_a_shipped_profile_may_fit_what_it_likes_for_it_wipes_nothing_by_itself() -> None:
    text = TOP + '[match.volume]\nID_FS_TYPE = "vfat"\n' + FILES
    assert read_profile(text, file="F", shipped=True).shipped
    assert len(mistakes(text, shipped=False)) == 1
    for key in ("generic = true", "wipe = false"):
        assert read_profile(TOP + key + text.removeprefix(TOP.rstrip()), file="F", shipped=False).name == "cam"


def test_bounds() -> None:
    assert mistakes("#" * 70_000) == ["F: is longer than 65,536 characters, expected a camera profile"]
    many = TOP + NAMED + "[files]\nsegments = [" + '"a",' * 101 + "]\n"
    assert mistakes(many) == ["F:7: files.segments: has 101 entries, expected at most 100"]
    long = TOP + NAMED + '[files]\nsegments = ["' + "a" * (LONGEST_PATTERN + 1) + '"]\n'
    assert [" is longer than 200 characters, expected" in mistake for mistake in mistakes(long)] == [True]
    asked = TOP + "[match.usb]\n" + "".join(f'ID_{n} = "1"\n' for n in range(21)) + FILES
    assert mistakes(asked, shipped=True) == ["F:3: match.usb: asks for 21 properties, expected at most 20"]


def test_the_longest_pattern_of_a_path_holds_for_a_camera_of_several_volumes() -> None:
    longest = {name: "DCIM/" + name[0] * (LONGEST_PATTERN - 5) for name in ("segments", "sidecars", "ignorable")}
    lists = "".join(f'{name} = ["{pattern}"]\n' for name, pattern in longest.items())
    rules = below_one_root(read_profile(TOP + NAMED + "[files]\n" + lists, file="F", shipped=False).rules)
    assert rules.kind(b"p1/" + longest["ignorable"].encode()) == "ignorable"
    assert rules.kind(b"p1/" + longest["segments"].encode()) == "segment"


SHIPPED = [path.read_text() for path in sorted((Path(__file__).parents[4] / "config" / "cameras").glob("*.toml"))]


def tried(text: str) -> None:
    for shipped in (True, False):
        try:
            profile = read_profile(text, file="F", shipped=shipped)
        except ProfilesWrong as wrong:
            said = wrong.mistakes
        else:
            assert profile.rules.kind(b"\xff/a.mp4")
            continue
        assert said
        assert all(str(mistake).isprintable() for mistake in said)
        assert all(mistake.line is None or 1 <= mistake.line <= text.count("\n") + 1 for mistake in said)


@given(st.sampled_from(SHIPPED), st.data())
def test_garbled(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    gone = data.draw(st.integers(0, 40))
    tried(text[:at] + data.draw(st.text(max_size=8)) + text[at + gone :])


@given(st.text())
def test_any_text(text: str) -> None:
    tried(text)


VALUES = st.recursive(
    st.sampled_from(['""', '"x"', '"*"', "1", "-1", "1.5", "nan", "true", "1979-05-27", '"Europe"', '"{time}"', '"(?P<value>a)"', '"/x"', "'''\n'''"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda entries: f"[{', '.join(entries)}]") | inner.map(lambda one: "{ x = " + one + " }"),
    max_leaves=4,
)  # fmt: skip
KEYS = st.sampled_from([
    "name", "title", "kind", "generic", "wipe", "time_zone", "match", "match.contents", "match.usb", "match.usb.ID_VENDOR_ID", "match.volume.ID_FS_TYPE",
    "identity", "identity.serial", "identity.card", "files", "files.segments", "files.sidecars", "files.ignorable", "grouping.pattern", "grouping.pre_record",
    "unlock", "unlock.login", "unlock.id_pattern", "unlock.set_clock", "unlock.become_disk", "unlock.terminator", "unlock.time_format", "unlock.interface",
    "unlock.wait", "unlock.password_file", '""', '"".x', "'é\u2028'", "match.usb.x",
])  # fmt: skip


@given(st.dictionaries(KEYS, VALUES, max_size=12), st.sampled_from(["disk", "mtp", "unlock"]))
def test_any_values(values: dict[str, str], kind: str) -> None:
    base = {
        "name": '"cam"',
        "title": '"t"',
        "kind": f'"{kind}"',
        "files.segments": '["*"]',
        "match.usb.ID_SERIAL": '"x"',
    }
    tried("".join(f"{key} = {value}\n" for key, value in (base | values).items()))
