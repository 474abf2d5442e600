"""The tables of a report: plain text, Markdown, CSV and LaTeX."""
