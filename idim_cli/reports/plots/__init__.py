"""The figures of a report, as PNG and SVG files and within a page."""
