"""`python -m ingest.worker`: started by ingest.worker.pool, never by hand."""

from ingest.worker.child import main

main()
