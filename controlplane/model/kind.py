"""What a resource is called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its `name` in the log, its ids, EC2's prefix of errors about it, and the call that lists it.

    Only what `is_public` is told to those who watch the project that it belongs to. `where` and `listing` are for
    errors: there is none such `where`; see `listing`. `id_field`: what requests call its id, if not by its name.
    `part_of`: the field with the id of what it is a part of, which can be a second project, whose watchers are told as
    well. `joint`: what stands between `error` and the rest of a code: a full stop in most of EC2's.
    """

    name: str
    prefix: str = ""
    error: str = ""
    listing: str = ""
    where: str = " in this project"
    word: str = ""
    is_public: bool = False
    id_field: str = ""
    part_of: str = ""
    joint: str = "."

    @property
    def malformed(self) -> str:
        """The code for what is no id."""
        return f"{self.error}{self.joint}Malformed"

    @property
    def not_found(self) -> str:
        return f"{self.error}{self.joint}NotFound"

    @property
    def id_parameter(self) -> str:
        """`internet_gateway_id`."""
        return self.id_field or f"{self.name.replace('-', '_')}_id"

    def __str__(self) -> str:
        """For people."""
        return self.word or self.name.replace("-", " ")
