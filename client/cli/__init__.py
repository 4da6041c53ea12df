"""The `stead` command line: one module per resource, and what they share."""
