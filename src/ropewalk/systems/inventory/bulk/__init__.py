"""An order plan straight from a table of items: no training, no panel, any number of rows.

A row holds the past demand of an item at a site, its stock, its terms; the answer is what to order now, the chance of running
out even so, and why. NumPy and Polars alone; the rows are read, planned and written in chunks (`files.py`).
"""
