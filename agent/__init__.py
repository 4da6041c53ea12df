"""The plug-in host: makes one machine agree with the part of the desired state that concerns it."""

import os

# gRPC warns at every fork of a threaded process; our children exec at once, so that its handlers have nothing to do.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

__version__ = "0.1.0"
