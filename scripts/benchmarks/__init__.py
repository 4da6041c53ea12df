"""How fast and how large: every figure beside the floor that was measured in the same run. Asserts nothing.

A module measures one thing and yields `Figure`s. Load comes from processes of its own, so that it doesn't share the
server's interpreter. Whatever is made on the machine is gone afterwards.
"""
