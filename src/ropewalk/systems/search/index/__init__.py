"""Documents as immutable segments in a store: written, committed, opened and merged. See collection.py.

Layout, Field           what documents look like             layout.py
Collection              write and commit                     collection.py
Snapshot                search as of a manifest              snapshot.py
merge, collect_garbage  between lives                        upkeep.py
"""
