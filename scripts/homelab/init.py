"""PID 1 of a node: reaps orphans, as daemons that outlive their parent need it, and holds the namespaces open.

Killing it kills every process of the node at once, and with the last of them go its mounts and networks: a power cut.
"""

import os
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
while True:
    signal.sigwait({signal.SIGCHLD})
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass
