"""What does the duck say? The smallest plug-in there is, and its host.

``python -m services.kv.examples.duck`` starts itself once more as a plug-in and asks it.
"""

from __future__ import annotations

import sys

import grpc

from services.common.plugin import PluginProcess, serve_plugin
from services.common.proto import plugin_pb2 as pb
from services.common.proto.plugin_pb2_grpc import SayerStub, add_SayerServicer_to_server


class Duck:
    """Says what ducks say."""

    def Says(self, request: pb.SaysRequest, context: grpc.ServicerContext) -> pb.SaysResponse:
        return pb.SaysResponse(words="Quack!")


def ask(command: list[str]) -> str:
    """What the plug-in that ``command`` starts says.

    Raises:
        services.common.plugin.PluginFailed: it is none.
    """
    plugin = PluginProcess(command)
    try:
        words: str = SayerStub(plugin.channel).Says(pb.SaysRequest(), wait_for_ready=True, timeout=10).words
    finally:
        plugin.close()
    return words


def main(arguments: list[str]) -> int:
    if arguments == ["plugin"]:
        return serve_plugin(lambda server: add_SayerServicer_to_server(Duck(), server))
    print("The duck says:", ask([sys.executable, "-m", "services.kv.examples.duck", "plugin"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
