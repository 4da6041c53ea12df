"""What a guest may ask its metadata service for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetadataOptions:
    """EC2's names and values: tokens are "required" or "optional", the endpoint and tags "enabled" or "disabled"."""

    http_tokens: str = "required"
    http_endpoint: str = "enabled"
    http_put_response_hop_limit: int = 1
    instance_metadata_tags: str = "disabled"

    @property
    def shows_tags(self) -> bool:
        return self.instance_metadata_tags == "enabled"


DEFAULT_OPTIONS = MetadataOptions()
