"""A dock, its cameras and its store, to which anything may happen in any order: what `test_any_order` is made of.

`world` is what lies on cards, `watching` the oracle that is told of each change that dockd did not make, `far_ends` the stores, `dock` one
run of the real pipeline (in this process, or in one that is killed), `machine` the rules that hypothesis draws from.
"""
