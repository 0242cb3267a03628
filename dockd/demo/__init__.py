"""The simulated rack: everything of a station on one machine, with no hardware, no root and no video encoder."""
