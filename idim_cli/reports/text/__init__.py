"""Words and columns of text that tables and plots share."""
