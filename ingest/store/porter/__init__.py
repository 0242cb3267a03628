"""The process that carries bytes to a share and back, so that the agent never touches it (docs/decisions/0024).

Its own package, apart from `ingest.store.directory`: it starts in a tenth of a second because it imports neither asyncio nor HTTP.
"""
