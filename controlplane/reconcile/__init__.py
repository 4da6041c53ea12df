"""Between rows and hosts: `objects` says what hosts are told, `feed` and `share` what of it one is told next, `absorb`
what follows from what they report. Knows no sessions.
"""
