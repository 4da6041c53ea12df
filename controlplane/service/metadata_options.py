"""What guests may do with their metadata service: set at launch, and changed at any time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from controlplane.errors import Invalid, Parameter, invalid_value, shown
from controlplane.model.lifecycle import Request
from controlplane.model.metadata_options import MetadataOptions
from controlplane.model.state import Change, State
from controlplane.service import features
from controlplane.service.admission import admit
from controlplane.service.call import Call, find

MAX_HOPS = 64
_VALUES: Mapping[str, Sequence[str]] = {
    "http_tokens": ("required", "optional"),
    "http_endpoint": ("enabled", "disabled"),
    "instance_metadata_tags": ("enabled", "disabled"),
}
# EC2's. Each key is a part of a path, and some of these would be one that leads elsewhere.
_TAG_KEY = re.compile(r"[0-9a-zA-Z\-_+=,.@:]+")
_RESERVED = (".", "..", "_index")


@dataclass(frozen=True, slots=True)
class OptionsAsked:
    """As `InstanceMetadataOptionsRequest` in instances.proto: None leaves an option as it is."""

    http_tokens: str | None = None
    http_endpoint: str | None = None
    http_put_response_hop_limit: int | None = None
    instance_metadata_tags: str | None = None


NOTHING_ASKED = OptionsAsked()


@dataclass(frozen=True, slots=True)
class ModifyInstanceMetadataOptions:
    """As `ModifyInstanceMetadataOptionsRequest` in instances.proto."""

    instance_id: str
    asked: OptionsAsked


def modify(state: State, call: Call, request: ModifyInstanceMetadataOptions) -> tuple[Change, None]:
    instance = find(state.instances, request.instance_id, call)
    if request.asked == NOTHING_ASKED:
        raise Invalid("MissingParameter", f"Nothing of {instance.id} is to change; name an option")
    admit(state, instance, Request.MODIFY)
    options = changed(instance.metadata_options, request.asked, instance.tags)
    features.check_agent(state, instance, features.of_guest(instance.boot_mode, options))
    change = Change()
    change.put(replace(instance, metadata_options=options))
    return change, None


def changed(options: MetadataOptions, asked: OptionsAsked, tags: Mapping[str, str]) -> MetadataOptions:
    """These options with what is asked, of an instance with these tags. Raises `InvalidParameterValue`."""
    for name, values in _VALUES.items():
        value = getattr(asked, name)
        if value is not None and value not in values:
            raise invalid_value(name, value, " or ".join(values))
    hops = asked.http_put_response_hop_limit
    if hops is not None and not 1 <= hops <= MAX_HOPS:
        raise invalid_value("http_put_response_hop_limit", hops, f"1 to {MAX_HOPS}")
    given = {field.name: value for field in fields(asked) if (value := getattr(asked, field.name)) is not None}
    options = replace(options, **given)
    check_tags(options, tags)
    return options


def check_tags(options: MetadataOptions, tags: Mapping[str, str]) -> None:
    """Whether an instance with these options may have such tags. Raises `InvalidParameterValue`."""
    if not options.shows_tags:
        return
    for key in tags:
        if not _TAG_KEY.fullmatch(key) or key in _RESERVED:
            message = (
                f"Tag key {shown(key)} can't be told in instance metadata; expected letters, digits and -_+=,.@: "
                f"alone, and none of {', '.join(_RESERVED)}; or set instance_metadata_tags to disabled"
            )
            raise Invalid("InvalidParameterValue", message, parameter=Parameter("tags", key))
