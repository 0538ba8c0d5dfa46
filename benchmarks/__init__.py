"""Timings, as ratios or differences against a bare kernel in the same run. Never asserted in a test."""
