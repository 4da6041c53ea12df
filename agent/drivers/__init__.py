"""Drivers: the code that knows a technology. Found through entry points; see `base` for what one must be."""
