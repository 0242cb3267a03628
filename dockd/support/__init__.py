"""`dockd support-bundle`: what somebody who helps from afar needs to see of a dock, and nothing that they must not.

Rules kept here: nothing is changed, on the machine or in a dock's state; each part is gathered in a process of its own and within its time and size, so
that what hangs or is broken costs that part alone, and the manifest says so; what is known to be a secret is looked for in every part, as it is
and in the forms that programs write it in, beside what only looks like one; people, cameras and files' names have others in their place, unless whoever
asks wants them; the ledger, the registry, footage and pictures are never in it. Parts: `parts` gathers, `secrets` and `patterns` take out, `names` gives other
names, `bundle` puts it together and says in the manifest what was taken out where.
"""
