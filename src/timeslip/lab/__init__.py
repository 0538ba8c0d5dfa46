"""What a front end asks beside the verbs: history in pages, previews, comparisons, the cells of the notebook.

Nothing here knows of comms or of HTTP: the doors (`timeslip.ipython.comms`, `timeslip.server`) bring requests in and
carry answers out. docs/reference/lab.md is the contract.
"""
