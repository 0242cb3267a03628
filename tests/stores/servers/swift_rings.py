# mypy: ignore-errors
"""The three rings of a Swift of one node: python swift_rings.py FOLDER NAME:PORT ... (run by Swift's own environment)."""

import sys

from swift.common.ring import RingBuilder

folder = sys.argv[1]
for word in sys.argv[2:]:
    name, _, port = word.partition(":")
    builder = RingBuilder(6, 1, 1)
    node = {"ip": "127.0.0.1", "port": int(port), "replication_ip": "127.0.0.1", "replication_port": int(port)}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "d1", "meta": "", **node})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
