"""The web service of search: /search, /ask, /suggest, /document, /feedback, and a small page at /."""
