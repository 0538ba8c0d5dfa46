"""What a value looks like and how two values differ, in words; `timeslip.preview` and `timeslip.diffing` are the doors.

Nothing here imports a user's library: one that a value belongs to is loaded already and is found in `sys.modules`.
"""
