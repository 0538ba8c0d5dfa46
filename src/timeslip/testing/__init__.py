"""Helpers for tests of Timeslip and of what builds on it.

`timeslip.testing.graphs` tells whether two namespaces are the same graph of objects; `timeslip.testing.reference` is a
plain model of a session's history that keeps deep copies.
"""
