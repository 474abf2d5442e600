"""Recipes: YAML with line numbers, its schema, overrides, and checks that report all faults together."""
