"""Python floats in the place of an array module, for one row: the rules' formulas run on them as they are.

A call into NumPy costs as much as ten operations on floats, and one row has nothing to vectorise. Floats are float64 and so
are the arrays of the batch path; +, -, *, /, sqrt and floor are exact by IEEE 754, sums run in the same order (rules.total),
and exponentials and logarithms are left to NumPy on both paths: the bits are the same.
"""

from __future__ import annotations

from math import ceil, floor, sqrt

__all__ = ["ceil", "floor", "full_like", "maximum", "minimum", "sqrt", "where"]


def maximum(a: float, b: float) -> float:
    """As numpy.maximum, without NaN."""
    return a if a >= b else b


def minimum(a: float, b: float) -> float:
    """As numpy.minimum, without NaN."""
    return a if a <= b else b


def where(condition: bool, a: float, b: float) -> float:
    """As numpy.where."""
    return a if condition else b


def full_like(_: float, value: float) -> float:
    """As numpy.full_like."""
    return value
