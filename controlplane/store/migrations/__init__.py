"""How the schema came to be: one module in `versions` for each step, the tables frozen as they were then.

To change the schema: change the row in `controlplane.model`, from which `controlplane.store.schema` follows, and add
`versions/vNNNN.py`, whose `down_revision` is the latest.
The tests compare the outcome with the schema. There are no downgrades: the way back is a backup.
"""
