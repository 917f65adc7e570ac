"""The one vocabulary of metric, label, header and attribute names, for whatever emits or queries one."""

from __future__ import annotations

from typing import Final

#: Upper edges of every histogram of durations, in s; from a loop-back round trip to a caller's last patience. Two lie
#: just above the usual time-outs, or whatever ends there would be taken for far slower.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.55, 1.0, 1.1, 2.5, 5.0, 10.0, 30.0)

# What a service exposes on /metrics, each with the label `service` unless said otherwise.
REQUESTS: Final = "stormlab_requests_total"  # labels: service, route, method, status
REQUEST_SECONDS: Final = "stormlab_request_duration_seconds"  # histogram; labels: service, route, method
QUEUE_DEPTH: Final = "stormlab_queue_depth"
QUEUE_LIMIT: Final = "stormlab_queue_limit"
WORKERS_BUSY: Final = "stormlab_workers_busy"
WORKERS: Final = "stormlab_workers"
SPEED: Final = "stormlab_speed_ratio"
CAPACITY: Final = "stormlab_capacity_per_second"
ARRIVALS: Final = "stormlab_arrivals_total"
COMPLETIONS: Final = "stormlab_completions_total"
REJECTED: Final = "stormlab_rejected_total"
DEGRADED: Final = "stormlab_degraded_total"  # requests that were worked off with less, or more, than the full effort
WASTED: Final = "stormlab_wasted_total"  # work finished after its caller's deadline or departure
SERVICE_SECONDS: Final = "stormlab_service_time_seconds_total"  # worker-seconds of finished work
FAULTS_INJECTED: Final = "stormlab_faults_injected_total"  # labels: service, fault, kind
FAULT_ELIGIBLE: Final = "stormlab_fault_eligible_total"  # same labels; requests that an active fault could have hit
FAULT_ACTIVE: Final = "stormlab_fault_active"  # same labels; 1 or 0

# What the key-value service adds, each with the label `service`.
KEYS: Final = "stormlab_keys"
LOG_COMMITS: Final = "stormlab_log_commits_total"
LOG_WRITES: Final = "stormlab_log_writes_total"
STORAGE_READS: Final = "stormlab_storage_reads_total"  # label: storage, old or new
CACHE_ENTRIES: Final = "stormlab_cache_entries"
CACHE_HIT_RATIO: Final = "stormlab_cache_hit_ratio"
CACHE_HITS: Final = "stormlab_cache_hits_total"
CACHE_MISSES: Final = "stormlab_cache_misses_total"
CACHE_EVICTIONS: Final = "stormlab_cache_evictions_total"

# What a service adds that needs a lease to serve.
IN_SERVICE: Final = "stormlab_in_service_ratio"  # share of its replicas that hold theirs

# What the Fibonacci service adds.
FIBONACCI_CALLS: Final = "fibonacci_requests_total"  # labels: application, container_id; every call of the function

# Of the process, read when it is scraped; label: service.
MEMORY: Final = "memory_usage_bytes"
TASKS: Final = "stormlab_tasks"
LOG_DROPPED: Final = "stormlab_log_dropped_total"  # lines that sampling left out
THREADS: Final = "stormlab_threads"

# What a caller with policies exposes about each of its edges, with the labels `service` and `edge`.
EDGE_REQUESTS: Final = "stormlab_edge_requests_total"  # label: ending; goodput is that of `ok`
EDGE_ATTEMPTS: Final = "stormlab_edge_attempts_total"  # label: ending
EDGE_ATTEMPT_SECONDS: Final = "stormlab_edge_attempt_duration_seconds"  # histogram
EDGE_AMPLIFICATION: Final = "stormlab_edge_amplification_ratio"  # attempts per request since the start
EDGE_RETRIES_SUPPRESSED: Final = "stormlab_edge_retries_suppressed_total"  # label: reason
EDGE_HEDGES: Final = "stormlab_edge_hedges_total"
EDGE_FALLBACKS: Final = "stormlab_edge_fallbacks_total"
EDGE_STATE: Final = "stormlab_edge_state"  # labels: policy, state; 1 for the state it is in
EDGE_LIMIT: Final = "stormlab_edge_limit"  # label: policy; concurrent calls an adaptive limit allows
REPLICA_HEALTHY: Final = "stormlab_replica_healthy"  # label: replica; 1 or 0

# What the load generator adds about each of its clients, with the labels `service` and `edge`.
LOAD_OFFERED: Final = "stormlab_load_offered_total"
LOAD_UNDER_WAY: Final = "stormlab_load_under_way"
LOAD_LATENESS_SECONDS: Final = "stormlab_load_lateness_seconds"  # histogram; start of a request after its intended one

# Attributes of spans; those without our name are of OpenTelemetry's semantic conventions.
ATTRIBUTE_METHOD: Final = "http.request.method"
ATTRIBUTE_ROUTE: Final = "http.route"
ATTRIBUTE_STATUS: Final = "http.response.status_code"
ATTRIBUTE_RPC: Final = "rpc.method"
ATTRIBUTE_RPC_STATUS: Final = "rpc.grpc.status_code"
ATTRIBUTE_PEER: Final = "server.address"
ATTRIBUTE_PEER_PORT: Final = "server.port"
ATTRIBUTE_ATTEMPT: Final = "stormlab.attempt"
ATTRIBUTE_ENDING: Final = "stormlab.ending"
ATTRIBUTE_FAULTS: Final = "stormlab.faults"
ATTRIBUTE_N: Final = "n"
ATTRIBUTE_PARAMETER: Final = "parameter"
ATTRIBUTE_RESULT: Final = "result"

# Headers that carry a request's policy state over HTTP.
DEADLINE_HEADER: Final = "x-stormlab-timeout-ms"  # time left when the request was sent, in ms
USER_HEADER: Final = "x-stormlab-user"  # who asks, for feature flags; nobody vouches for it
CALLER_HEADER: Final = "x-stormlab-caller"  # on whose behalf
PRIORITY_HEADER: Final = "x-stormlab-priority"  # 0 is the most important
KEY_HEADER: Final = "x-stormlab-key"  # what the request is about, for caches and transactions
IDEMPOTENCY_HEADER: Final = "idempotency-key"  # the same for all tries of one operation
RETRY_AFTER_HEADER: Final = "x-stormlab-retry-after-ms"  # in an answer: Retry-After exactly, in ms
EFFORT_HEADER: Final = "x-stormlab-effort"  # the work that the answer may cost, 1 for a full one
ATTEMPT_HEADER: Final = "x-stormlab-attempt"  # 1 for the first try
