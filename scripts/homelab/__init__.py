"""Several bare-metal hosts on one machine, for demo and tests. Makes the hosts; what runs on them is not its business.

A node is a process in namespaces of its own, their PID 1. Hosts have their own mounts, network and libvirtd; `outside`
plays the internet; `control` is the machine's own network with a PID namespace around it, so that nothing started there
outlives the lab. All of a lab hangs on its nodes' PID 1, one bridge and one directory, each found by the lab's name: so
`down` needs no records, and works after any crash.
"""

from homelab.lab import Lab
from homelab.layout import LAYOUTS, Host

__all__ = ["LAYOUTS", "Host", "Lab"]
