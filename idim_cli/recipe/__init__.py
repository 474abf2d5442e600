"""Recipes: YAML with line numbers, its schema, overrides, and all faults at once."""
