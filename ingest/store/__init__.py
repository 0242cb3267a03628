"""Central stores, each behind one contract (`base`). Bandwidth and retry wrap what they wrap with the same interface."""
