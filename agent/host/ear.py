"""What the kernel tells of changes in one namespace, and whether somebody else made them.

A notification carries the port of the socket that asked for the change: by convention its process's id, with a number
above it for a second socket. What happens of itself carries none, nor does what is done to links and to forwarding
entries: that is ours while we are at work there. A link's carrier, and what neighbours answer, concern nobody here.
"""

import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from agent.host import links, rtnetlink
from agent.host.links import Link
from agent.host.rtnetlink import Notification

_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _SO_RCVBUFFORCE = 270, 1, 33
_NETFILTER = 12
_NFTABLES_GROUPS = (7,)  # NFNLGRP_NFTABLES
_ROUTE_GROUPS = (1, 3, 5, 7, 8, 24)  # RTNLGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV4_NETCONF
_BUFFER_BYTES = 1 << 16
_HELD_BYTES = 1 << 22  # By each socket. Less, and a change of some hundred routes at once is heard as somebody else's.

HOST = ""  # The name of the host's own namespace, here.

_ears: defaultdict[str, set["Ear"]] = defaultdict(set)  # By namespace.


@contextmanager
def at_work(*names: str) -> Iterator[None]:
    """What happens in these namespaces meanwhile, and the kernel does not say on whose behalf, is our own doing."""
    with ExitStack() as stack:
        for ear in [ear for name in names for ear in list(_ears[name])]:
            stack.enter_context(ear.at_work())
        yield


class Ear:
    """Its sockets stay in the namespace where they were made."""

    def __init__(self, name: str, tell: Callable[[], None]) -> None:
        """In the calling thread's namespace, which has this name. `tell` is called from any thread."""
        self.sockets = (
            _subscribed(_NETFILTER, _NFTABLES_GROUPS),
            _subscribed(socket.NETLINK_ROUTE, _ROUTE_GROUPS),
        )
        self._tell = tell
        self._lock = threading.Lock()
        self._at_work = 0
        self._links: dict[int, Link] = {}
        self._of_namespace = _ears[name]
        self._of_namespace.add(self)

    def listen(self) -> None:
        """Take in what has come, and tell if any of it was somebody else's."""
        with self._lock:
            rules, routes = self.sockets
            is_foreign = [*_received(rules, self._is_foreign_rule), *_received(routes, self._is_foreign_route)]
        if any(is_foreign):
            self._tell()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """What happens meanwhile in nobody's name is our doing."""
        self.listen()
        with self._lock:
            self._at_work += 1
        try:
            yield
        finally:
            self.listen()
            with self._lock:
                self._at_work -= 1

    def close(self) -> None:
        self._of_namespace.discard(self)
        with self._lock:
            for each in self.sockets:
                each.close()

    def _is_foreign_rule(self, told: Notification) -> bool:
        return not self._is_ours(told.port)

    def _is_foreign_route(self, told: Notification) -> bool:
        return self._concerns(told) and not self._is_ours(told.port)

    def _is_ours(self, port: int) -> bool:
        return rtnetlink.is_own(port) or (port == 0 and self._at_work > 0)

    def _concerns(self, told: Notification) -> bool:
        if told.kind == rtnetlink.RTM_NEWLINK:
            return self._is_other_link(told.message())
        if told.kind == rtnetlink.RTM_DELLINK:
            self._forget_link(told.message())
        if told.port == 0 and told.kind in (rtnetlink.RTM_NEWNEIGH, rtnetlink.RTM_DELNEIGH):
            return told.message().fields[4] == rtnetlink.NUD_PERMANENT
        return True

    def _forget_link(self, message: rtnetlink.Message) -> None:
        if message.fields[0] == socket.AF_UNSPEC:
            self._links.pop(links.of(message).index, None)

    def _is_other_link(self, message: rtnetlink.Message) -> bool:
        if message.fields[0] != socket.AF_UNSPEC:  # As a port of a bridge.
            return False
        link = links.of(message)
        known, self._links[link.index] = self._links.get(link.index), link
        if known is not None and not known.alias:  # The kernel tells of an alias with the next change alone.
            known = replace(known, alias=link.alias)
        return known != link


def _received(each: socket.socket, is_foreign: Callable[[Notification], bool]) -> Iterator[bool]:
    """Of all that has come. Nothing comes to a socket that was closed meanwhile."""
    try:
        while each.fileno() >= 0:
            yield from map(is_foreign, rtnetlink.notifications(each.recv(_BUFFER_BYTES)))
    except BlockingIOError:
        return
    except OSError:  # ENOBUFS: more came than it holds.
        yield True


def _subscribed(protocol: int, groups: Collection[int]) -> socket.socket:
    made = rtnetlink.own_socket(protocol, socket.SOCK_NONBLOCK)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _HELD_BYTES)
    for group in groups:
        made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
    return made
