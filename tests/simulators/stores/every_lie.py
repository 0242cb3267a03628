"""Every lie by its name, and the kinds of store in which it makes sense: what `tests/stores/test_every_lie.py` tries, one by one.

The S3 stores that are known to lie are for the S3 adapter's exam.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulators.stores import lies, lies_of_bytes, lies_on_the_way
from tests.simulators.stores.honest import HonestStore, Kind, Shelf

R: tuple[Kind, ...] = ("receipts",)
D: tuple[Kind, ...] = ("digests",)
P: tuple[Kind, ...] = ("plain",)
RD, RDP = R + D, R + D + P
Make = Callable[[Shelf, Kind], HonestStore]


@dataclass(frozen=True, kw_only=True)
class Lie:
    """`partly`: about some segments only, the others may be wiped; `tls`: the store is at https; `slow`: only patience ends it.

    `says`: what dockd has to say of it, a pattern; `caught`: kinds in which it is condemned for good. `one_name`: of two cameras whose files have
    the same names, both are brought, and nothing that it does befalls them.
    """

    make: Make
    kinds: tuple[Kind, ...]
    partly: bool = False
    tls: bool = False
    slow: bool = False
    says: str = ""
    caught: tuple[Kind, ...] = ()
    one_name: bool = False


def _plainly(kind_of_store: type[HonestStore]) -> Make:
    return lambda shelf, kind: kind_of_store(shelf, kind=kind)


def _about(kind_of_store: type[lies_on_the_way.Lies], what: str) -> Make:
    return lambda shelf, kind: kind_of_store(shelf, what=what, kind=kind)


def _answers(what: str, status: int) -> Make:
    return lambda shelf, kind: lies.Answers(shelf, what, status, kind=kind)


def _portal(after: int, *, login: bool = False) -> Make:
    made = lies_on_the_way.NetworkLogin if login else lies_on_the_way.CaptivePortal
    return lambda shelf, kind: made(shelf, after=after, kind=kind)


_BYTES = lies_of_bytes
EVERY: dict[str, Lie] = {
    # with the bytes, vouched for by a store that hashes what comes in
    "short": Lie(make=_plainly(_BYTES.Short), kinds=RDP, says="(bytes, where|were sent|its proof is for)"),
    "long": Lie(make=_plainly(_BYTES.Long), kinds=RDP, says="(bytes, where|were sent|its proof is for)"),
    "hole": Lie(make=_plainly(_BYTES.Hole), kinds=RDP, caught=RD),
    "one bit": Lie(make=_plainly(_BYTES.OneBit), kinds=RDP, caught=RD),
    "nothing": Lie(make=_plainly(_BYTES.Nothing), kinds=RDP),
    "another file's bytes": Lie(make=_plainly(_BYTES.AnotherFilesBytes), kinds=RDP, partly=True),
    "other bytes given back": Lie(make=_plainly(_BYTES.GivesOtherBytesBack), kinds=RDP, caught=RD),
    "nothing given back": Lie(make=_plainly(_BYTES.GivesNothingBack), kinds=RDP),
    "held in a cache only": Lie(make=_plainly(_BYTES.HeldInACacheOnly), kinds=RDP),
    "large ones with a hole": Lie(make=_plainly(_BYTES.LiesAboutLargeOnes), kinds=RDP, partly=True, caught=RD),
    "from the third on": Lie(make=_plainly(_BYTES.LiesFromTheThirdOn), kinds=RDP, partly=True, caught=RD),
    "only after the pin": Lie(make=_plainly(_BYTES.LiesAfterThePin), kinds=RDP),
    "a file for each name, emptied by the next": Lie(
        make=_plainly(_BYTES.EmptiesByFilename), kinds=D + P, one_name=True
    ),
    "a file for each name, added to by the next": Lie(make=_plainly(_BYTES.AddsByFilename), kinds=D + P, one_name=True),
    # with the bytes, and true about it
    "short, and its proof says so": Lie(
        make=_plainly(lies.SaysItHasAll), kinds=RDP, says="(its proof is for|none that can be read)", caught=R
    ),
    "short, and its offset says so": Lie(
        make=_plainly(lies.LosesTheSecondHalf),
        kinds=RDP,
        says="(a part of the honesty check only|did not keep what it took)",
    ),
    "one bit, and its proof says so": Lie(make=_plainly(lies.FlipsABit), kinds=RDP, says="its proof is for", caught=RD),
    # with the proof
    "right hash and wrong size": Lie(
        make=_plainly(_BYTES.RightHashWrongSize),
        kinds=RD,
        says="(its proof is for|are announced|were announced)",
        caught=R,
    ),
    "hash of what was announced": Lie(
        make=_plainly(_BYTES.AnnouncedHash),
        kinds=RD,
        says="(took bytes under a digest|digest that was announced)",
        caught=RD,
    ),
    "receipt then loss": Lie(make=_plainly(_BYTES.ReceiptThenLoss), kinds=RD),
    "receipt then 404": Lie(make=_plainly(lies.ForgetsWhatItConfirmed), kinds=R, says="(answered 404|lost it 3 times)"),
    "stale receipt": Lie(make=_plainly(lies.ReplaysReceipts), kinds=R, says="it is a replay", caught=R),
    "another file's receipt": Lie(
        make=_plainly(lies.ReceiptForAnotherFile), kinds=R, says="its receipt is for another object", caught=R
    ),
    "another file's digest": Lie(make=_plainly(_BYTES.AnotherFilesDigest), kinds=D + P, partly=True),
    "another store's receipt": Lie(
        make=_plainly(lies.ReceiptOfAnotherStore), kinds=R, says="is not signed by any of its keys"
    ),
    "in another store's name": Lie(
        make=_plainly(lies.SignsForAnotherStore), kinds=R, says="its receipt is of another store", caught=R
    ),
    "in no name": Lie(make=_plainly(lies.SignsInNoName), kinds=R, says="does not say whose it is"),
    "unsigned": Lie(make=_plainly(lies.UnsignedReceipts), kinds=R, says="is not signed by any of its keys"),
    "garbage": Lie(make=_plainly(lies.GarbageForReceipts), kinds=R, says="what the store calls a receipt is garbage"),
    "a later history each time": Lie(make=_plainly(lies.SaysHistoryWentBack), kinds=R, says="a later custody history"),
    # with the line
    "200 to everything": Lie(make=_plainly(lies.YesToEverything), kinds=RDP, says="does not speak tus 1.0"),
    "200 to everything, in tus": Lie(make=_plainly(lies.YesInTus), kinds=P),
    "uploads that it never saw": Lie(
        make=_plainly(lies.NeverSawTheUpload), kinds=RDP, says="answered 404 to a look at an upload"
    ),
    "silence": Lie(make=_plainly(lies.Silent), kinds=RDP, slow=True, says="gave no answer to a look at who it is"),
    "silence to a receipt": Lie(make=_about(lies_on_the_way.SilentAbout, "receipt"), kinds=R, slow=True),
    "silence to bytes": Lie(make=_about(lies_on_the_way.SilentAbout, "PATCH"), kinds=RDP, slow=True),
    "slow drip for a name": Lie(make=_about(lies_on_the_way.SlowDrip, "dockd-store"), kinds=RDP, slow=True),
    "slow drip for a receipt": Lie(make=_about(lies_on_the_way.SlowDrip, "receipt"), kinds=R, slow=True),
    "slow drip for bytes given": Lie(make=_about(lies_on_the_way.SlowDrip, "PATCH"), kinds=RDP, slow=True),
    "slow drip for bytes asked back": Lie(make=_about(lies_on_the_way.SlowDrip, "GET"), kinds=RDP, slow=True),
    "endless name": Lie(make=_about(lies_on_the_way.EndlessBody, "dockd-store"), kinds=RDP, slow=True),
    "endless receipt": Lie(
        make=_about(lies_on_the_way.EndlessBody, "receipt"), kinds=R, slow=True, says="does not end"
    ),
    "endless answer to bytes": Lie(make=_about(lies_on_the_way.EndlessBody, "PATCH"), kinds=RDP, slow=True),
    "endless bytes asked back": Lie(make=_about(lies_on_the_way.EndlessBody, "GET"), kinds=RDP, slow=True),
    "redirect elsewhere of its name": Lie(
        make=_about(lies_on_the_way.RedirectElsewhere, "dockd-store"), kinds=RDP, says="redirects are not followed"
    ),
    "redirect elsewhere of an upload": Lie(
        make=_about(lies_on_the_way.RedirectElsewhere, "POST"), kinds=RDP, says="redirects are not followed"
    ),
    "redirect elsewhere of bytes": Lie(
        make=_about(lies_on_the_way.RedirectElsewhere, "PATCH"), kinds=RDP, says="redirects are not followed"
    ),
    "redirect elsewhere of a receipt": Lie(
        make=_about(lies_on_the_way.RedirectElsewhere, "receipt"), kinds=R, says="redirects are not followed"
    ),
    "redirect elsewhere of bytes asked back": Lie(make=_about(lies_on_the_way.RedirectElsewhere, "GET"), kinds=RDP),
    "downgrade to http in Location": Lie(
        make=_plainly(lies_on_the_way.DowngradeToHttp), kinds=RDP, tls=True, says="to another server"
    ),
    "downgrade to http in its name": Lie(
        make=_plainly(lies_on_the_way.WellKnownDowngrade), kinds=R, tls=True, says="leads to another server"
    ),
    "downgrade to http by redirect of bytes": Lie(
        make=_about(lies_on_the_way.RedirectToHttp, "PATCH"), kinds=RDP, tls=True, says="redirects are not followed"
    ),
    "downgrade to http by redirect of its name": Lie(
        make=_about(lies_on_the_way.RedirectToHttp, "dockd-store"),
        kinds=RDP,
        tls=True,
        says="redirects are not followed",
    ),
    "bad credentials": Lie(make=_answers("POST", 401), kinds=RDP, says="does not take this dock's credentials"),
    "full": Lie(make=_answers("POST", 507), kinds=RDP, says="it has no room"),
    "locked for ever": Lie(make=_plainly(lies.LocksEverySegment), kinds=RDP, says="the store answered 423"),
    "a portal's page to everything": Lie(make=_portal(0), kinds=RDP),
    "a portal's page after three answers": Lie(make=_portal(3), kinds=RDP),
    "a portal's page after the upload": Lie(make=_portal(9), kinds=RDP, partly=True),
    "a portal that says so": Lie(make=_portal(0, login=True), kinds=RDP),
}

NAMED_IN_THE_PROMISE = {
    "short", "long", "hole", "stale receipt", "another file's receipt", "another store's receipt", "right hash and wrong size",
    "hash of what was announced", "receipt then loss", "200 to everything", "slow drip for a receipt", "endless receipt",
    "redirect elsewhere of bytes", "downgrade to http in Location",
}  # fmt: skip
