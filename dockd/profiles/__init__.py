"""Camera profiles: what a camera looks like to udev, who it is, and what lies on it. Read from TOML, never guessed."""
