"""The timeslip command."""
