"""From the JSON form of an answer to what a person sees, the same at every door; needs no IPython and no terminal.

``registry.document(answer)`` makes blocks, ``text.to_text`` draws them for a terminal, ``html.to_html`` for a notebook.
"""
