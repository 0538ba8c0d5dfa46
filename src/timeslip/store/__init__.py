"""Bytes and records on disk: chunks, packs, one SQLite database, maintenance."""
