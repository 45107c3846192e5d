"""The verbs, one a stage. Each is handed a System and never imports one; it hands a part of the spine what it needs
from another as nouns and functions.

lane.py: a store, a console, the memory of what was done; stages.py: data, plan, train, evaluate; releases.py: register,
promote, rollback; answers.py: predict, serve, truths, monitor; life.py: live; inspect.py: runs, show, gc;
leftovers.py: what dead stages left; upkeep.py: what is done between lives; records.py: the nouns as records of the index.
"""
