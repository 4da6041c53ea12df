"""The only code that touches the host directly: programs, links, routes, rulesets."""
