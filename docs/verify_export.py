"""Check, without dockd, what `dockd custody export` wrote. verify.md beside this file says what each check is and what a pass means.

    python3 verify_export.py [KNOWN]... < dockd-custody.jsonl

KNOWN is what you know from elsewhere: a head (64 hex digits; from a receipt or a printed certificate) that must be in the record, or the
thumbprint of a key of the dock. Exit code 0: everything holds; 1: something does not, and each fault names its place; 2: no fault
was found, but not everything could be checked. Needs Python 3.9 or newer and the package `cryptography`.
"""

# ruff: noqa: D103, T201
# Short, to be read at one sitting:
# fmt: off
import hashlib
import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = ("seq", "at", "action", "prev", "data")
SAME = ("size", "sha256", "nonce", "durable", "stored_at", "attested_at", "head")  # in a receipt, and legibly beside it
KEYS = {  # what a line of each type has, no more and no less
    "head": {"type", "format", "head", "signed", "whole", "filter", "store_keys"},
    "entry": {"type", *FIELDS, "hash", "text"},
    "receipt": {"type", "segment", "store", "object", "method", "head_seq", "raw", *SAME},
    "end": {"type", "entries", "receipts"},
}
PROOFS = ("segment.confirmed", "segment.attested", "segment.found_in_store")
seq, last, key, names, hashes, pinned, contents = 0, "0" * 64, None, None, {}, set(), {}
proven, permitted = set(), set()  # segments in the store by its word, as of this line; (permit, segment)
known = [word.strip().lower() if len(word.strip()) == 64 else word.strip() for word in sys.argv[1:]]
faults, head, stores, done, unchecked = [], {}, {}, False, 0
if strange := [word for word in known if len(word) not in (43, 64)]:
    print(f"{strange[0]!r} is neither a head (64 hex digits) nor the thumbprint of a key (43 characters): nothing was checked")
    sys.exit(2)

def once(pairs):  # of two equal keys readers take one or the other
    if len(pairs) != len(dict(pairs)):
        raise ValueError
    return dict(pairs)
def need(fine, fault): faults.extend([] if fine else [f"{place}: {fault}"])
def canonical(value): return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
def sha256(text): return hashlib.sha256(text.encode("utf-8", "surrogateescape"))
def unb64(text): return urlsafe_b64decode(text + "==")
def thumbprint(public):  # RFC 7638
    return urlsafe_b64encode(sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": public})).digest()).decode()[:43]
def signed(public, signature, text):  # raises InvalidSignature
    Ed25519PublicKey.from_public_bytes(unb64(public)).verify(unb64(signature), text.encode())

for number, line in enumerate(sys.stdin.buffer, 1):
    place, wrong = f"line {number}", "it cannot be read, or does not belong here"
    try:
        one = json.loads(line, object_pairs_hook=once)
        need(one.keys() == KEYS[one["type"]], "fields were added or taken out")
        need((number == 1) == (one["type"] == "head") and not done, "lines were added or moved")
        need(not names or one["type"] == "receipt", "the receipt that the entry before names is missing")
        if one["type"] == "head":
            need(one["whole"] is True and one["filter"] == {}, "it is a part of a record, and only a whole one can be checked")
            need(one["head"].keys() == {"seq", "hash", "key", "public", "signature"}, "fields were added or taken out")
            need(one["format"] == "dockd-custody-jsonl-1", "it is of a format that this script does not know")
            head, stores = one, {thumbprint(public): public for public in one["store_keys"]}
        elif one["type"] == "entry":
            place, action, data = f"entry {one['seq']} ({place})", one["action"], one["data"]
            text = canonical({name: one[name] for name in FIELDS})
            need(text == one["text"] and sha256(text).hexdigest() == one["hash"], "it was changed")
            follows = max(seq, data["store_seq"] if action == "custody.restored" else 0) + 1
            need((one["seq"], one["prev"]) == (follows, last), "one before it was removed, inserted, changed or moved")
            seq, last, names = one["seq"], one["hash"], (place, data) if action in PROOFS or "receipt_sha256" in data else None
            hashes[seq] = last
            if action in ("custody.opened", "custody.key_rotated"):
                wrong, old, key = "the dock's key changed without the old key's signature", key, data["public"]
                if thumbprint(key) != data["key"] or (seq > 1 and data["key"] not in known):
                    signed(old, data["proof"], f"dockd-key-rotation-v1\n{seq}\n{one['prev']}\n{key}")
            elif action in ("store.pinned", "store.key_rotated"):
                pinned |= {(data["store"], name) for name in data["keys"]}
            elif action.startswith("segment.") and data.get("sha256"):
                content = [data["segment"], data["bytes"], data["sha256"]]
                need(contents.setdefault(data["segment"], content) == content, "it was of other bytes before")
            if action in ("segment.confirmed", "segment.found_in_store"):
                proven.add(data["segment"])
            elif action == "segment.store_lost":
                proven.discard(data["segment"])
            elif action == "permit.issued":
                permitted |= {(data["permit"], segment) for segment in data["segments"]}
                need(proven >= set(data["segments"]), "leave to delete what the store had not proven to have")
            elif action in ("segment.attested", "segment.wiped", "segment.released"):
                need(data["segment"] in proven, "the store had not proven to have it")
                need(action != "segment.wiped" or (data["permit"], data["segment"]) in permitted, "it was deleted without leave")
        elif one["type"] == "receipt":
            (place, data), names = names, None
            place = f"the receipt of {place}"
            need(sha256(one["raw"]).hexdigest() == data["receipt_sha256"], "it is not the one that the entry names")
            need(all(one[name] == data[name] for name in one.keys() & data.keys()), "the entry says something else")
            need([one["segment"], one["size"], one["sha256"]] == contents[data["segment"]], "it is not of the bytes that were copied")
            if data["store"] not in {store for store, _name in pinned}:  # a store that signs nothing
                unchecked += 1
                continue
            header, claims, signature = one["raw"].split(".")
            said, name = json.loads(unb64(claims)), json.loads(unb64(header))["kid"]
            need([said.get(field) for field in SAME] == [one[field] for field in SAME], "it was changed")
            need((said["iss"], said.get("seq")) == (one["store"], one["head_seq"]), "it was changed")
            need(said["sub"] == one["object"].rstrip("/").rsplit("/", 1)[-1], "it was changed")
            for field in ("segment", "camera"):  # not every store says these
                need(said.get(field) in (None, data[field]), f"it is of another {field}")
            need(hashes.get(said.get("seq")) == said.get("head"), "the store was shown another record than this one")
            wrong, unchecked = "it is not signed by a key of the pinned store", unchecked + (name not in stores)
            if name in stores or (data["store"], name) not in pinned:
                signed(stores[name if (data["store"], name) in pinned else None], signature, f"{header}.{claims}")
        else:
            done, wrong, end, statement = True, "its signature does not hold", head["head"], f"dockd-head-v1\n{seq}\n{last}"
            need(one["type"] == "end" and number == 2 + one["entries"] + one["receipts"], "lines were added or taken out")
            place = "the head (line 1)"
            need(head["signed"] == statement and (end["seq"], end["hash"]) == (seq, last), f"the record ends with entry {seq}")
            need((end["public"], end["key"]) == (key, thumbprint(key)), "it is signed with another key than the dock's last")
            signed(key, end["signature"], statement)
    except Exception:  # noqa: BLE001 - whatever a line breaks is a fault of that line
        need(False, wrong)
place, heads = "the end", [word for word in known if len(word) == 64]
need(done, "it was cut off")
need(set(heads) <= set(hashes.values()), "a head that you know is not in it: entries were cut off, or it is another dock's")
ending = "" if heads else "; cannot know whether entries were cut off at the end: name a head that you know from elsewhere"
print(*(f"fault: {ascii(fault)[1:-1]:.400}" for fault in faults), f"{'NOT whole' if faults else 'whole'}: {len(hashes)} entries{ending}", sep="\n")
print(f"signed by the dock's key {thumbprint(key or '')}; {unchecked} receipts could not be checked by their signature")
sys.exit(1 if faults else 2 if unchecked else 0)
