"""What drivers are given and what they find, as plain values: `agent.views` makes specs of what the host is told.

Owns no behaviour beyond naming. Field meanings, shapes and units are documented once, under the same names: of specs
in `protos/stead/v1/agent.proto`, of findings in `protos/stead/agent/v1/session.proto`.
"""

from agent.model.compute import *
from agent.model.host import *
from agent.model.network import *
from agent.model.refs import *
from agent.model.storage import *
