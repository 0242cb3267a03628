"""What those who run dockd are told: logs, metrics, and how the event loop fares."""
