"""EC2's wildcards in the values of filters: `*`, `?`, and a backslash before a literal."""

from collections.abc import Iterator

STAR, ANY = object(), object()


def parse(value: str) -> list[object]:
    """A value's characters, with STAR and ANY in the place of wildcards."""
    return list(_parse(value))


def _parse(value: str) -> Iterator[object]:
    characters = iter(value)
    for char in characters:
        if char == "\\":
            yield from next(characters, "")
        else:
            yield {"*": STAR, "?": ANY}.get(char, char)


class Wildcard:
    """A pattern that looks at each character of a text once, however many stars it has.

    It holds every place of the pattern that the text so far may have led to, one bit each: shift-and (Baeza-Yates and
    Gonnet, 1992), in which a star is a place that may be kept. A pattern that tries one place after another, as regular
    expressions do, lets its author decide how long the control plane computes.
    """

    def __init__(self, parsed: list[object]) -> None:
        self._kept, self._any, self._end = 0, 0, 1
        taken: dict[object, int] = {}
        for item in parsed:
            if item is STAR:
                self._kept |= self._end
                continue
            taken[item] = taken.get(item, 0) | self._end
            self._end <<= 1
        self._any = taken.pop(ANY, 0)
        self._taken = {char: places | self._any for char, places in taken.items()}

    def matches(self, text: str) -> bool:
        places = 1
        for char in text:
            places = (places & self._taken.get(char, self._any)) << 1 | places & self._kept
            if not places:
                return False
        return bool(places & self._end)
