"""Whole sessions in real kernels: Timeslip beside a bare kernel and the alternatives that users can have.

What runs inside the kernels is in `inside/`; everything else here runs in the process that drives them. A contender
lives in an environment of its own and is never imported by Timeslip.
"""
