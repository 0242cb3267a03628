"""A dock's state as a whole: kept elsewhere, put back, moved, given up. docs/backup.md is the operator's side of it."""
