"""Between rows and hosts, pure: `render` says what a host shall have, `absorb` what follows from what it has."""
