"""What the gateway makes of a gRPC server's pushback."""

from __future__ import annotations

import pytest

from services.common.rpc_exchange import seconds_asked


@pytest.mark.parametrize(
    ("sent", "seconds"), [("1500", 1.5), ("0", 0.0), ("-1", -0.001), ("soon", -1.0), (b"\xff", -1.0), (None, None)]
)
def test_a_pushback_in_s_and_what_cannot_be_read_forbids_the_retry(sent: object, seconds: float | None) -> None:
    """github.com/grpc/proposal, A6: grpc-retry-pushback-ms, negative or unparsable is "do not retry"."""
    metadata = [("server", "x"), *([] if sent is None else [("grpc-retry-pushback-ms", sent)])]
    assert seconds_asked(metadata) == seconds
    assert seconds_asked(None) is None
