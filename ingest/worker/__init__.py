"""The child process that touches cameras, and the byte engine it reads them with."""
