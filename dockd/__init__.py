"""What surrounds the pipeline: commands, docks, page, ops, demo. Imports `ingest`, never the other way round."""

__version__ = "0.1.0"
