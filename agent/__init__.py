"""The plug-in host: makes one machine agree with the part of the desired state that concerns it."""

__version__ = "0.1.0"
