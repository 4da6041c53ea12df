"""Instance metadata service: tells a guest who it is, by EC2's IMDSv2."""

from agent.imds.server import MetadataServer

__all__ = ["MetadataServer"]
