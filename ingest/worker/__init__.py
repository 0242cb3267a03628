"""The process that touches cameras, and the agent's side of it.

`child` runs in the worker; `pool` is what the agent uses; `frames` is how they speak; `pipeline`, `arena`, `ring` and
`direct_io` move the bytes.
"""
