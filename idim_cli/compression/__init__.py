"""Packing a trained run into an `.idim` file as small as a target allows, and restoring it."""
