"""Text search and question answering."""
