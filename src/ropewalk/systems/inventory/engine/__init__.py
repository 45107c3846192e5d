"""The engine: one simulator of items at a site, its features switched on by one record (world.py), its contract in step.py.

world.py: which problem. step.py: one period, in NumPy and JAX. events.py: one event in continuous time. reference.py: the same
in plain Python, a second opinion. exact.py: small instances solved, policies evaluated exactly; optimum.py: in which range, and
what that takes; positions.py: backlog without a pipeline; measures.py: service, stock and orders of a policy. classic.py: the
rules of the books, and classic_tune.py their parameters. correction.py: a rule with a network that corrects it, and
learn.py, which trains it from samples (network.py, its layers; expected.py, the slope of what stays unsold; muon.py, its steps);
improve.py: single orders moved by simulated pairs (pairs.py), in a table of states (box.py); pretrained.py: one network for items that it has not seen, and pretrain.py,
which made it; crossing.py: a policy for random lead times, where orders cross. replay.py: levels of very many items, on history
or on drawn demand (draws.py). laws.py: laws of demand by name.
"""
