"""Planted bugs: each takes one guard of the promises away, and the suite has to notice.

A guard that no test misses is not tested, whatever the coverage says. `table` lists the bugs, `planting` plants one into a copy of the
tree and runs there the tests that are to catch it, `python -m tests.mutants` does so with all of them.
"""
