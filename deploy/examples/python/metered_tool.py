"""A metered tool call: Reserve before it, Settle after it, Release if it was not done.

Run a server (`make run`), then `python metered_tool.py` from the same folder. README.md says how
to make the stubs.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
import uuid

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from tollgate.v1 import metering_service_pb2 as api
from tollgate.v1.metering_service_pb2_grpc import MeteringServiceStub
from tollgate.v1.quota_pb2 import QuotaItem, Reason
from tollgate.v1.usage_event_pb2 import RunMeasurement, UsageEvent

# The channel repeats a call by itself while the server is away. That is safe: every call below
# carries an id, so a repeat cannot count twice.
SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{"service": "tollgate.v1.MeteringService"}],
            "waitForReady": True,
            "timeout": "5s",
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
# A sidecar that restarts is back within a second: look for it often.
CHANNEL_OPTIONS = [
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
SETTLE_ATTEMPTS = 5
KEY_FILE = os.environ.get("TOLLGATE_API_KEY_FILE", "data/bootstrap.key")
UNKNOWN_OUTCOMES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Authorized(grpc.UnaryUnaryClientInterceptor):
    """Sends the key with each call. The file is read each time: a rotated key is used at once."""

    def __init__(self, key_file):
        self.key_file = key_file

    def intercept_unary_unary(self, continuation, details, request):
        with open(self.key_file, encoding="ascii") as file:
            key = file.read().strip()
        metadata = [*(details.metadata or ()), ("authorization", f"Bearer {key}")]
        return continuation(details._replace(metadata=metadata), request)


class QuotaDenied(Exception):
    """The work must not be done now."""

    def __init__(self, reply):
        quota = reply.quotas[0] if reply.quotas else None
        text = Reason.Name(reply.reason)
        if quota is not None:
            text += f": {quota.used} used and {quota.reserved} held of {quota.limit}"
        super().__init__(text)
        self.quota = quota


class NotSettled(Exception):
    """Nobody knows whether the usage was counted. Keep `request` and send it again, unchanged."""

    def __init__(self, request):
        super().__init__(f"not settled: {request.reservation_id}")
        self.request = request


def step_id(thread, tool_call, step):
    """The id of a step's usage: the same in every attempt at it, and no other step's."""
    name = json.dumps([thread, tool_call, step])
    return "step-" + hashlib.sha256(name.encode()).hexdigest()[:32]


def metered(metering, org_id, event_id, tool, tier, expected, run):
    """Returns what `run` returns. `expected`: run units to hold, more than is likely to be used."""
    labels = {"tool": tool, "tier": tier}
    # A hold belongs to one attempt; the usage, by its event id, to the step.
    reservation_id = f"{event_id}-{uuid.uuid4().hex[:12]}"
    hold = metering.Reserve(
        api.ReserveRequest(
            org_id=org_id,
            reservation_id=reservation_id,
            items=[QuotaItem(meter="run_units", quantity=expected, dimensions=labels)],
            # If this process dies, the hold ends by itself.
            ttl=Duration(seconds=300),
        )
    )
    if not hold.granted:
        raise QuotaDenied(hold)
    settled = False
    try:
        started = time.process_time()
        result = run()
        usage = UsageEvent(
            event_id=event_id,
            meter="run_units",
            run=RunMeasurement(cpu_seconds=time.process_time() - started),
            dimensions=labels,
        )
        request = api.SettleRequest(org_id=org_id, reservation_id=reservation_id, events=[usage])
        settled = settle(metering, request)
        return result
    finally:
        if not settled:
            # Also after NotSettled: usage can be settled after the hold has ended.
            with contextlib.suppress(grpc.RpcError):
                metering.Release(api.ReleaseRequest(org_id=org_id, reservation_id=reservation_id))


def settle(metering, request):
    """False: an earlier attempt at the step was counted with other figures, and stands."""
    for attempt in range(SETTLE_ATTEMPTS):
        try:
            metering.Settle(request)
            return True
        except grpc.RpcError as error:
            if reason_of(error) == "EVENT_ID_REUSED":
                return False
            if error.code() not in UNKNOWN_OUTCOMES:
                raise
            time.sleep(0.1 * 2**attempt)
    raise NotSettled(request)


def reason_of(error):
    """The stable reason, such as RESERVATION_ENDED. Branch on it, never on the message."""
    status = rpc_status.from_call(error)
    info = ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info):
            return info.reason
    return error.code().name


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
    with grpc.insecure_channel(target, options=CHANNEL_OPTIONS) as channel:
        metering = MeteringServiceStub(grpc.intercept_channel(channel, Authorized(KEY_FILE)))
        thread = f"thread-{uuid.uuid4()}"

        def report(what):
            reply = metering.GetUsage(api.GetUsageRequest(org_id="acme", meters=["run_units"]))
            print(f"{what}: {reply.totals[0].quantity} run units used this month")

        step = step_id(thread, "call_7", 1)
        for what in ("first attempt", "second attempt, as after a crash"):
            metered(metering, "acme", step, "build_module", "heavy", "5", lambda: sum(range(10**6)))
            report(what)
        try:
            metered(metering, "acme", step_id(thread, "call_8", 1), "x", "", "1000", lambda: None)
        except QuotaDenied as denied:
            print("denied:", denied)
        try:
            metered(metering, "acme", step_id(thread, "call_9", 1), "x", "", "5", lambda: 1 / 0)
        except ZeroDivisionError:
            report("a tool that failed, its hold released")


if __name__ == "__main__":
    main()
