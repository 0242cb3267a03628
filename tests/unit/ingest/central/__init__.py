"""The embedded central store, part by part."""
