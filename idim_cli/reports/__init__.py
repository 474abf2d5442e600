"""Readings for people: a table, a figure, and a plot of characters for the terminal."""
