"""How a dock gets what it comes in to its store with: keys, requests, invitations, and the configuration that names them (docs/enrolment.md)."""
