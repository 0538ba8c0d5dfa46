"""Helpers for tests of Timeslip and of what builds on it."""
