"""Projects of their own, each with a VPC, for end-to-end tests."""

import copy
from dataclasses import dataclass
from ipaddress import IPv4Network

from homelab.cloud import Cloud
from homelab.guest import Guest

ANYWHERE = "0.0.0.0/0"
NETWORK = "10.7.0.0/16"


@dataclass
class Own:
    """A VPC of a project: a subnet for each zone, a gateway that is attached, a table that leads there, a group."""

    cloud: Cloud
    name: str
    vpc_id: str = ""
    igw_id: str = ""
    table_id: str = ""

    def make(self, zones: list[str]) -> None:
        name = f"Name={self.name}"
        self.vpc_id = self.cloud.json("vpc", "create", NETWORK, "--tag", name)["vpc"]["vpc_id"]
        igw = self.cloud.json("igw", "create", "--tag", name)["internet_gateway"]
        self.igw_id = igw["internet_gateway_id"]
        self.cloud.stead("igw", "attach", self.igw_id, "--vpc", self.vpc_id)
        table = self.cloud.json("route-table", "create", "--vpc", self.vpc_id, "--tag", name)["route_table"]
        self.table_id = table["route_table_id"]
        blocks = IPv4Network(NETWORK).subnets(new_prefix=24)
        for zone, block in zip(zones, blocks, strict=False):
            subnet = f"{self.name}-{zone}"
            where = ("--vpc", self.vpc_id, "--az", zone, "--tag", f"Name={subnet}")
            self.cloud.stead("subnet", "create", str(block), *where)
            self.cloud.stead("route-table", "associate", self.table_id, "--subnet", subnet)
        group = self.cloud.json("sg", "create", self.name, "--vpc", self.vpc_id)["security_group"]["group_id"]
        for rule in (("--port", "22"), ("--protocol", "icmp")):
            self.cloud.stead("sg", "authorize", group, *rule, "--cidr", ANYWHERE)

    def open(self) -> None:
        self.cloud.stead("route-table", "create-route", self.table_id, ANYWHERE, "--igw", self.igw_id)

    def close(self) -> None:
        self.cloud.stead("route-table", "delete-route", self.table_id, ANYWHERE)

    def launch(self, zone: str, private_ip: str, *options: str) -> Guest:
        where = ("--subnet", f"{self.name}-{zone}", "--private-ip", private_ip, "--public-ip", *options)
        key = self.cloud.directory / f"{self.name}.pem"
        return Guest.launch(self.cloud, key, *where, groups=(self.name,), image="tiny", key_name=self.name)

    def empty(self) -> None:
        """Without its instances, so that others find room."""
        living = ("--filter", "instance-state-name=pending,running,stopping,stopped,shutting-down")
        rows = self.cloud.json("instance", "list", "--filter", f"vpc-id={self.vpc_id}", *living)["instances"]
        if rows:
            self.cloud.stead("instance", "terminate", *(row["instance_id"] for row in rows), "--wait")

    def remove(self) -> None:
        """With all that is in it."""
        inside = ("--filter", f"vpc-id={self.vpc_id}")
        for subnet in self.cloud.json("subnet", "list", *inside)["subnets"]:
            self.cloud.stead("subnet", "delete", subnet["subnet_id"])
        self.cloud.stead("igw", "detach", self.igw_id)
        self.cloud.stead("igw", "delete", self.igw_id)
        self.cloud.stead("route-table", "delete", self.table_id)
        groups = self.cloud.json("sg", "list", *inside)["security_groups"]
        for group in (row["group_id"] for row in groups if row["group_name"] != "default"):
            self.cloud.stead("sg", "delete", group)
        self.cloud.stead("vpc", "delete", self.vpc_id)


def tenant(cloud: Cloud, name: str, zones: list[str]) -> Own:
    """A project with a key pair, and a VPC that leads outside."""
    cloud.stead("project", "create", name)
    secret = cloud.json("project", "token", name, "--role", "member")["secret"]
    own = copy.copy(cloud)
    own.environment = {**cloud.environment, "STEAD_TOKEN": secret}
    own.stead("key", "create", name, "--output-file", str(cloud.directory / f"{name}.pem"))
    made = Own(own, name)
    made.make(zones)
    made.open()
    return made
