"""From a query to hits: the query language, filters, the two legs, their fusion, and what a person wants to see of a hit."""
