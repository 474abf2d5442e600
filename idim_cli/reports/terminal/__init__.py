"""Plots of characters for terminals and logs."""
