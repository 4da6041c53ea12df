"""What is kept of domains' XML between listings, and until when."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.drivers.compute_libvirt import domain_xml
from agent.drivers.compute_libvirt.descriptions import LISTINGS, Descriptions
from agent.drivers.compute_libvirt.domain_xml import Platform
from tests.unit.test_domain_xml import BACKENDS, SPEC

XML = domain_xml.render(SPEC, Platform("qemu", Path("/console.log"), BACKENDS))


class FakeDomain:
    """As libvirt's, as far as it is asked here."""

    def __init__(self) -> None:
        self.xml, self.life, self.asked = XML, 1, 0
        self.meanwhile: Callable[[], None] = lambda: None

    def name(self) -> str:
        return SPEC.instance_id

    def ID(self) -> int:
        return self.life

    def XMLDesc(self) -> str:
        self.asked += 1
        xml = self.xml
        self.meanwhile()
        return xml


@pytest.fixture
def domain() -> FakeDomain:
    return FakeDomain()


def generation(descriptions: Descriptions, domain: FakeDomain) -> int:
    found = descriptions.of(domain, is_off=False).description
    assert found is not None
    return found.record.generation


def edit(domain: FakeDomain) -> None:
    domain.xml = XML.replace('generation="7"', 'generation="8"')


def test_it_is_asked_for_once(domain: FakeDomain) -> None:
    descriptions = Descriptions()
    assert [generation(descriptions, domain) for _ in range(3)] == [7, 7, 7]
    assert domain.asked == 1


@pytest.mark.parametrize("what", ["drop", "drop_all", "read", "start"])
def test_it_is_read_again_after(domain: FakeDomain, what: str) -> None:
    descriptions = Descriptions()
    descriptions.of(domain, is_off=False)
    edit(domain)
    match what:
        case "drop":
            descriptions.drop(domain.name())
        case "drop_all":
            descriptions.drop_all()
        case "read":
            descriptions.read(domain, is_off=False)
        case "start":
            domain.life = 2
    assert generation(descriptions, domain) == 8


def test_a_lost_event_is_made_up_for(domain: FakeDomain) -> None:
    descriptions = Descriptions()
    descriptions.of(domain, is_off=False)
    edit(domain)
    seen = []
    for _ in range(LISTINGS):
        descriptions.begin_listing()
        seen.append(generation(descriptions, domain))
    assert seen[-1] == 8
    assert domain.asked == 2


def test_what_changes_while_it_is_read_is_not_kept(domain: FakeDomain) -> None:
    descriptions = Descriptions()

    def change() -> None:
        edit(domain)
        descriptions.drop(domain.name())
        domain.meanwhile = lambda: None

    domain.meanwhile = change
    assert generation(descriptions, domain) == 7
    assert generation(descriptions, domain) == 8


def test_that_a_domain_is_not_ours_is_kept_as_well(domain: FakeDomain) -> None:
    descriptions = Descriptions()
    domain.xml = "<domain><name>i-1</name></domain>"
    assert [descriptions.of(domain, is_off=False).description for _ in range(2)] == [None, None]
    assert domain.asked == 1
