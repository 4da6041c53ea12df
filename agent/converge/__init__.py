"""Convergence: makes this host agree with what it shall have. Pure plans inside, one engine around them."""
