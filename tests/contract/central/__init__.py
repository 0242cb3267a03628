"""The embedded central store over real HTTP."""
