"""Routes and neighbours by the hundred, in a namespace of their own."""

from collections.abc import Iterator

import pytest

from agent.host.entries import Neighbour, Route
from agent.host.netlink import open_netlink
from tests.integration.netlab import Namespace, lab

pytestmark = pytest.mark.host

MANY = [Route(f"10.0.{number >> 8}.{number & 255}/32", "ext") for number in range(700)]


@pytest.fixture(scope="module")
def place() -> Iterator[Namespace]:
    with lab(0) as made:
        yield made.outside


def there(place: Namespace) -> set[Route]:
    def read() -> set[Route]:
        with open_netlink() as netlink:
            return {route for route in netlink.routes() if route.destination.startswith("10.")}

    return place.inside(read)


def test_one_that_fails_keeps_no_other_from_being_done(place: Namespace) -> None:
    impossible = Route("10.1.0.0/16", "lo", via="192.0.2.1")

    def put() -> None:
        with open_netlink() as netlink:
            netlink.put_routes([*MANY[:300], impossible, *MANY[300:]])

    with pytest.raises(OSError, match="rtnetlink"):
        place.inside(put)
    assert there(place) == set(MANY)


def test_what_is_not_there_is_deleted_already(place: Namespace) -> None:
    def put_and_delete() -> None:
        with open_netlink() as netlink:
            netlink.put_routes(MANY)
            netlink.delete_routes([*MANY, Route("10.2.0.0/16", "ext"), Route("10.3.0.0/16", "nowhere")])
            netlink.delete_neighbours([Neighbour("ext", "10.0.0.1", "02:00:00:00:00:01")])

    place.inside(put_and_delete)
    assert there(place) == set()


def test_another_devices_route_to_the_same_destination_stays(place: Namespace) -> None:
    def put_and_delete() -> None:
        with open_netlink() as netlink:
            netlink.put_routes([Route("10.4.0.0/16"), MANY[0]])
            netlink.delete_routes([Route("10.4.0.0/16", "ext"), Route(MANY[0].destination)])

    place.inside(put_and_delete)
    assert there(place) == {Route("10.4.0.0/16"), MANY[0]}


def test_two_to_one_destination_stand_beside_one_another_by_their_metric(place: Namespace) -> None:
    first, second = Route("10.5.0.0/16"), Route("10.5.0.0/16", "ext", metric=1)

    def put_and_delete() -> set[Route]:
        with open_netlink() as netlink:
            netlink.put_routes([first, second])
            both = {route for route in netlink.routes() if route.destination == first.destination}
            netlink.delete_routes([second])
            return both

    assert place.inside(put_and_delete) == {first, second}
    assert first in there(place)
    assert second not in there(place)
