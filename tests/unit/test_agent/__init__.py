"""The agent: pure parts by tables, the rest on fake drivers and a small control plane of its own."""
