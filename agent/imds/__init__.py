"""Instance metadata service: tells a guest who it is, as EC2's IMDS does."""

from agent.imds.identities import Identities
from agent.imds.server import MetadataServer

__all__ = ["Identities", "MetadataServer"]
