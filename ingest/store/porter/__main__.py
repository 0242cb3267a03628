"""`python -m ingest.store.porter`: started by ingest.store.directory.porters, never by hand."""

from ingest.store.porter.child import main

main()
