"""What the cloud is made of: rows, the tables that hold them, and the rules that need nothing else.

Standard library only, no I/O, no clock, no randomness. Rows are frozen; a change is a new row. Every row has an `id`,
unique in its table; what a project owns has a `project_id`.
"""
