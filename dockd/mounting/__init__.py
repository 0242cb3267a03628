"""Mounting cameras' volumes: a small helper that runs as root (`helper`), and the agent's end of it (`client`)."""
