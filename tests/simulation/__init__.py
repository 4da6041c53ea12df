"""A whole region in one process, on a clock of its own: control plane, agents, wires, disks, and what befalls them."""
