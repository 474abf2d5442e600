"""The smallest honest file of a solution: how few values, in how many dimensions, still do."""
