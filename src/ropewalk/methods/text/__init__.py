"""Text: pure functions that any system may use."""
