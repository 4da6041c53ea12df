"""The control plane: decides, makes it durable, and tells agents and users."""
