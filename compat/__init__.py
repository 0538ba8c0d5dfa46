"""Classes of popular libraries under Timeslip: created, changed, brought back, and used (``make compat``)."""
