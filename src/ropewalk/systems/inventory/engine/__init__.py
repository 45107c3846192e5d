"""The engine: one simulator of items at a site, its features switched on by one record (world.py), its contract in step.py.

world.py: which problem. step.py: one period, in NumPy and JAX. exact.py: small instances solved, policies evaluated exactly.
"""
