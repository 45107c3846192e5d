"""Answers with their source: a span of a document, its sentence and the probability of being right, or an abstention."""
