"""Ropewalk: machine-learning systems from data to a monitored decision."""

__version__ = "0.1.0"
