"""What is told of verdicts: in the terminal, as a page, as data."""
