"""`python -m dockd`."""

from dockd.cli import main

main()
