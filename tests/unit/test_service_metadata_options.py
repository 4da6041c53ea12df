"""What guests may do with their metadata service: at launch, later, and what their hosts are told."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.model.instance import Instance
from controlplane.model.metadata_options import MetadataOptions
from controlplane.service import describing, instances, metadata_options, power, tagging
from controlplane.service.instances import RunInstances
from controlplane.service.metadata_options import ModifyInstanceMetadataOptions, OptionsAsked
from controlplane.service.power import StopInstances
from controlplane.service.tagging import CreateTags
from tests.unit.region import Region
from tests.unit.told import objects_of


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host()
    return region


def modify(region: Region, instance_id: str, **options: Any) -> None:
    region.do(metadata_options.modify, ModifyInstanceMetadataOptions(instance_id, OptionsAsked(**options)))


def refuses(region: Region, code: str, instance_id: str, **options: Any) -> str:
    request = ModifyInstanceMetadataOptions(instance_id, OptionsAsked(**options))
    return region.refuses(code, metadata_options.modify, request).message


def told(region: Region, instance_id: str) -> Any:
    host_id = region.instance(instance_id).host_id
    return objects_of(region.state, host_id)[host_id]["instance", instance_id]


def test_without_a_word_an_instance_has_the_strictest(region: Region) -> None:
    instance_id = region.launch(tags={"Name": "web"})
    assert region.instance(instance_id).metadata_options == MetadataOptions("required", "enabled", 1, "disabled")
    object_ = told(region, instance_id)
    assert (object_.metadata_without_token, object_.metadata_is_off, list(object_.tags)) == (False, False, [])
    assert object_.metadata_hop_limit == 1


def test_options_at_launch(region: Region) -> None:
    instance_id = region.launch(
        metadata_options=OptionsAsked("optional", "disabled", 64, "enabled"), tags={"b": "2", "a": "1"}
    )
    object_ = told(region, instance_id)
    assert (object_.metadata_without_token, object_.metadata_is_off, object_.metadata_hop_limit) == (True, True, 64)
    assert [(tag.key, tag.value) for tag in object_.tags] == [("a", "1"), ("b", "2")]


def test_options_change_one_by_one_while_it_runs_and_while_it_is_stopped(region: Region) -> None:
    instance_id = region.launch()
    modify(region, instance_id, http_tokens="optional")
    modify(region, instance_id, http_put_response_hop_limit=2)
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    modify(region, instance_id, http_endpoint="disabled")
    assert region.instance(instance_id).metadata_options == MetadataOptions("optional", "disabled", 2, "disabled")
    region.do(power.terminate, [instance_id])
    refuses(region, "IncorrectInstanceState", instance_id, http_endpoint="enabled")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http_tokens", ""),
        ("http_tokens", "Required"),
        ("http_endpoint", "off"),
        ("instance_metadata_tags", "true"),
        ("http_put_response_hop_limit", 0),
        ("http_put_response_hop_limit", 65),
    ],
)
def test_values_that_are_none(region: Region, name: str, value: Any) -> None:
    instance_id = region.launch()
    assert refuses(region, "InvalidParameterValue", instance_id, **{name: value}).startswith(f"{name}: ")
    request = RunInstances(region.add_image(), metadata_options=OptionsAsked(**{name: value}))
    error = region.refuses("InvalidParameterValue", instances.run, request)
    assert error.parameter
    assert error.parameter.name == f"metadata_options.{name}"


def test_nothing_to_change(region: Region) -> None:
    assert "name an option" in refuses(region, "MissingParameter", region.launch())


@pytest.mark.parametrize("key", ["a key", "a/b", ".", "..", "_index", "ключ"])
def test_tags_that_no_path_can_name(region: Region, key: str) -> None:
    instance_id = region.launch(tags={key: "x"})
    assert "can't be told" in refuses(region, "InvalidParameterValue", instance_id, instance_metadata_tags="enabled")
    other = region.launch(metadata_options=OptionsAsked(instance_metadata_tags="enabled"))
    region.refuses("InvalidParameterValue", tagging.create, CreateTags([instance_id, other], {key: "x"}))
    tagged = RunInstances(
        region.add_image(), tags={key: "x"}, metadata_options=OptionsAsked(instance_metadata_tags="enabled")
    )
    region.refuses("InvalidParameterValue", instances.run, tagged)
    modify(region, other, instance_metadata_tags="disabled")
    region.do(tagging.create, CreateTags([other], {key: "x"}))


def test_tags_that_come_later_are_told(region: Region) -> None:
    instance_id = region.launch(metadata_options=OptionsAsked(instance_metadata_tags="enabled"))
    region.do(tagging.create, CreateTags([instance_id], {"Name": "web"}))
    assert [(tag.key, tag.value) for tag in told(region, instance_id).tags] == [("Name", "web")]


def test_an_agent_that_knows_no_options_gets_no_instance_with_any(region: Region) -> None:
    instance_id = region.launch()
    host_id = region.instance(instance_id).host_id
    region.put(replace(region.state.hosts[host_id], features=("firmware",), agent_version="0.9"))
    refused = refuses(region, "UnsupportedOperation", instance_id, http_endpoint="disabled")
    assert "version 0.9, does not know metadata_options:" in refused
    request = RunInstances(region.add_image(), metadata_options=OptionsAsked(http_endpoint="disabled"))
    error = region.refuses("InsufficientInstanceCapacity", instances.run, request)
    assert "does not know 'metadata_options'" in str(error.refusals)
    modify(region, instance_id, http_endpoint="enabled")


def test_a_stopped_instance_may_have_options_that_its_host_does_not_know(region: Region) -> None:
    """It is not given to that host again."""
    instance_id = region.launch()
    host = region.state.hosts[region.instance(instance_id).host_id]
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.put(replace(host, features=("firmware",)))
    modify(region, instance_id, http_endpoint="disabled")
    other = region.add_host(host.zone)
    region.do(power.start, [instance_id])
    assert region.instance(instance_id).host_id == other


def test_filters(region: Region) -> None:
    plain, open_ = region.launch(), region.launch(metadata_options=OptionsAsked("optional", "disabled", 3, "enabled"))
    filters = describing.instance_filters(region.state, region.call().role)

    def shown(row: Instance) -> list[str]:
        return [read(row) for name, read in filters.items() if name.startswith("metadata-options.")]

    assert shown(region.instance(plain)) == ["required", "enabled", "1", "disabled"]
    assert shown(region.instance(open_)) == ["optional", "disabled", "3", "enabled"]
