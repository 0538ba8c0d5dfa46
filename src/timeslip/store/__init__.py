"""The store: immutable records and chunks, and the few names that move, on one disk.

Layer: uses the words (`errors`, `ids`, `model`, `config`) and nothing else of Timeslip. `repository.Repository` is the
door of this layer and `maintenance` its keeper; the byte layout is in ``docs/format/v1.md``.
"""
