"""The way of the footage: list, pull, verify, spool, upload, confirm, wipe.

The promise this package keeps (docs/architecture.md has it in full):

P1. dockd never takes the last copy of a segment.
P2. No delete without proof: a receipt from the pinned store for those very bytes, durable in the ledger, attested again
    within ten minutes, and the content on the camera seen to be those bytes.
P3. Never more than named: confirmed segments and nothing else.
P4. Everything is explained: every step is in the custody chain.
P5. It says what is true.

Two halves that fail apart, joined only by the ledger: `intake` needs the camera, `delivery` needs the store.
"""
