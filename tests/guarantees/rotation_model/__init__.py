"""Owner, thief and server as small values, played through to the last state (PROTOCOL 1)."""
