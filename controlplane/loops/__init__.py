"""What acts by the clock."""
