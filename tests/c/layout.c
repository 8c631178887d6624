/*
 * Where everything lies in the structs of fanfare.h, and what its numbers are: what a program that
 * was compiled earlier counts on. Written by `make abi-lists`; do not edit. Which changes are
 * allowed, docs/abi.md says.
 */
#include <stddef.h>
#include <stdint.h>

#include "fanfare.h"

#define HOLDS(name, condition) _Static_assert(condition, name " is not what it was")
#define SIZE(type, bytes) HOLDS(#type ": its size", sizeof(type) == (bytes))
#define ALIGNMENT(type, bytes) HOLDS(#type ": its alignment", _Alignof(type) == (bytes))
#define FIELD(type, field, offset, bytes)                                             \
    HOLDS(#type "." #field ": its place", offsetof(type, field) == (offset));         \
    HOLDS(#type "." #field ": its size", sizeof(((type *)0)->field) == (bytes))
#define NUMBER(name, value) HOLDS(#name ": its value", (name) == (value))

#if UINTPTR_MAX == UINT64_MAX
/* fanfare_str: never changes. */
SIZE(fanfare_str, 16);
ALIGNMENT(fanfare_str, 8);
FIELD(fanfare_str, ptr, 0, 8);
FIELD(fanfare_str, len, 8, 8);

/* fanfare_log_record: later versions may append fields. */
SIZE(fanfare_log_record, 40);
ALIGNMENT(fanfare_log_record, 8);
FIELD(fanfare_log_record, level, 0, 4);
FIELD(fanfare_log_record, reserved, 4, 4);
FIELD(fanfare_log_record, target, 8, 16);
FIELD(fanfare_log_record, message, 24, 16);

/* fanfare_lag: later versions may append fields. */
SIZE(fanfare_lag, 40);
ALIGNMENT(fanfare_lag, 8);
FIELD(fanfare_lag, session, 0, 8);
FIELD(fanfare_lag, user_data, 8, 8);
FIELD(fanfare_lag, queued_frames, 16, 8);
FIELD(fanfare_lag, queued_bytes, 24, 8);
FIELD(fanfare_lag, policy, 32, 4);
FIELD(fanfare_lag, reserved, 36, 4);

/* fanfare_access_request: later versions may append fields. */
SIZE(fanfare_access_request, 56);
ALIGNMENT(fanfare_access_request, 8);
FIELD(fanfare_access_request, session, 0, 8);
FIELD(fanfare_access_request, user_data, 8, 8);
FIELD(fanfare_access_request, principal, 16, 16);
FIELD(fanfare_access_request, topic, 32, 4);
FIELD(fanfare_access_request, is_again, 36, 4);
FIELD(fanfare_access_request, name, 40, 16);

/* fanfare_session_params: later versions may append fields. */
SIZE(fanfare_session_params, 80);
ALIGNMENT(fanfare_session_params, 8);
FIELD(fanfare_session_params, struct_size, 0, 8);
FIELD(fanfare_session_params, profile, 8, 4);
FIELD(fanfare_session_params, revision, 12, 4);
FIELD(fanfare_session_params, handshake, 16, 4);
FIELD(fanfare_session_params, framing, 20, 4);
FIELD(fanfare_session_params, overflow, 24, 4);
FIELD(fanfare_session_params, max_queued_frames, 28, 4);
FIELD(fanfare_session_params, max_queued_bytes, 32, 4);
FIELD(fanfare_session_params, reserved, 36, 4);
FIELD(fanfare_session_params, capabilities, 40, 16);
FIELD(fanfare_session_params, principal, 56, 16);
FIELD(fanfare_session_params, user_data, 72, 8);

/* fanfare_session_counters: later versions may append fields. */
SIZE(fanfare_session_counters, 64);
ALIGNMENT(fanfare_session_counters, 8);
FIELD(fanfare_session_counters, struct_size, 0, 8);
FIELD(fanfare_session_counters, queued_frames, 8, 8);
FIELD(fanfare_session_counters, queued_bytes, 16, 8);
FIELD(fanfare_session_counters, delivered, 24, 8);
FIELD(fanfare_session_counters, merged, 32, 8);
FIELD(fanfare_session_counters, dropped, 40, 8);
FIELD(fanfare_session_counters, subscriptions, 48, 8);
FIELD(fanfare_session_counters, requests, 56, 8);

/* fanfare_revoked: never changes. */
SIZE(fanfare_revoked, 32);
ALIGNMENT(fanfare_revoked, 8);
FIELD(fanfare_revoked, asked, 0, 8);
FIELD(fanfare_revoked, withdrawn, 8, 8);
FIELD(fanfare_revoked, restored, 16, 8);
FIELD(fanfare_revoked, ended, 24, 8);

/* fanfare_raise: later versions may append fields. */
SIZE(fanfare_raise, 72);
ALIGNMENT(fanfare_raise, 8);
FIELD(fanfare_raise, struct_size, 0, 8);
FIELD(fanfare_raise, target, 8, 4);
FIELD(fanfare_raise, reserved, 12, 4);
FIELD(fanfare_raise, session, 16, 8);
FIELD(fanfare_raise, principal, 24, 16);
FIELD(fanfare_raise, request, 40, 16);
FIELD(fanfare_raise, context, 56, 16);

/* fanfare_frame: never changes. */
SIZE(fanfare_frame, 40);
ALIGNMENT(fanfare_frame, 8);
FIELD(fanfare_frame, session, 0, 8);
FIELD(fanfare_frame, stream, 8, 8);
FIELD(fanfare_frame, data, 16, 16);
FIELD(fanfare_frame, flags, 32, 4);
FIELD(fanfare_frame, reserved, 36, 4);

/* fanfare_vectored_frame: never changes. */
SIZE(fanfare_vectored_frame, 72);
ALIGNMENT(fanfare_vectored_frame, 8);
FIELD(fanfare_vectored_frame, session, 0, 8);
FIELD(fanfare_vectored_frame, stream, 8, 8);
FIELD(fanfare_vectored_frame, flags, 16, 4);
FIELD(fanfare_vectored_frame, reserved, 20, 4);
FIELD(fanfare_vectored_frame, parts, 24, 48);

/* fanfare_counters: later versions may append fields. */
SIZE(fanfare_counters, 168);
ALIGNMENT(fanfare_counters, 8);
FIELD(fanfare_counters, struct_size, 0, 8);
FIELD(fanfare_counters, raised, 8, 8);
FIELD(fanfare_counters, matched, 16, 8);
FIELD(fanfare_counters, merged, 24, 8);
FIELD(fanfare_counters, delivered, 32, 8);
FIELD(fanfare_counters, delivered_bytes, 40, 8);
FIELD(fanfare_counters, dropped, 48, 8);
FIELD(fanfare_counters, lagged, 56, 8);
FIELD(fanfare_counters, received, 64, 8);
FIELD(fanfare_counters, rejected, 72, 8);
FIELD(fanfare_counters, heavy, 80, 8);
FIELD(fanfare_counters, progress_refused, 88, 8);
FIELD(fanfare_counters, sessions, 96, 8);
FIELD(fanfare_counters, streams, 104, 8);
FIELD(fanfare_counters, subscriptions, 112, 8);
FIELD(fanfare_counters, links, 120, 8);
FIELD(fanfare_counters, topics, 128, 8);
FIELD(fanfare_counters, requests, 136, 8);
FIELD(fanfare_counters, queued_frames, 144, 8);
FIELD(fanfare_counters, queued_bytes, 152, 8);
FIELD(fanfare_counters, limited, 160, 8);

/* fanfare_http_endpoint: later versions may append fields. */
SIZE(fanfare_http_endpoint, 56);
ALIGNMENT(fanfare_http_endpoint, 8);
FIELD(fanfare_http_endpoint, struct_size, 0, 8);
FIELD(fanfare_http_endpoint, flags, 8, 4);
FIELD(fanfare_http_endpoint, invalid_params_status, 12, 4);
FIELD(fanfare_http_endpoint, internal_error_status, 16, 4);
FIELD(fanfare_http_endpoint, reserved, 20, 4);
FIELD(fanfare_http_endpoint, origins, 24, 8);
FIELD(fanfare_http_endpoint, origin_count, 32, 8);
FIELD(fanfare_http_endpoint, hosts, 40, 8);
FIELD(fanfare_http_endpoint, host_count, 48, 8);

/* fanfare_http_header: never changes. */
SIZE(fanfare_http_header, 32);
ALIGNMENT(fanfare_http_header, 8);
FIELD(fanfare_http_header, name, 0, 16);
FIELD(fanfare_http_header, value, 16, 16);

/* fanfare_http_request: later versions may append fields. */
SIZE(fanfare_http_request, 56);
ALIGNMENT(fanfare_http_request, 8);
FIELD(fanfare_http_request, struct_size, 0, 8);
FIELD(fanfare_http_request, method, 8, 16);
FIELD(fanfare_http_request, headers, 24, 8);
FIELD(fanfare_http_request, header_count, 32, 8);
FIELD(fanfare_http_request, body, 40, 16);

/* fanfare_http_call: later versions may append fields. */
SIZE(fanfare_http_call, 72);
ALIGNMENT(fanfare_http_call, 8);
FIELD(fanfare_http_call, struct_size, 0, 8);
FIELD(fanfare_http_call, status, 8, 4);
FIELD(fanfare_http_call, kind, 12, 4);
FIELD(fanfare_http_call, era, 16, 4);
FIELD(fanfare_http_call, revision, 20, 4);
FIELD(fanfare_http_call, is_batch, 24, 4);
FIELD(fanfare_http_call, reserved, 28, 4);
FIELD(fanfare_http_call, session_id, 32, 16);
FIELD(fanfare_http_call, last_event_id, 48, 16);
FIELD(fanfare_http_call, allow, 64, 8);

/* fanfare_http_response: later versions may append fields. */
SIZE(fanfare_http_response, 32);
ALIGNMENT(fanfare_http_response, 8);
FIELD(fanfare_http_response, struct_size, 0, 8);
FIELD(fanfare_http_response, status, 8, 4);
FIELD(fanfare_http_response, kind, 12, 4);
FIELD(fanfare_http_response, body, 16, 16);

/* fanfare_record: never changes. */
SIZE(fanfare_record, 24);
ALIGNMENT(fanfare_record, 8);
FIELD(fanfare_record, session, 0, 8);
FIELD(fanfare_record, stream, 8, 8);
FIELD(fanfare_record, flags, 16, 4);
FIELD(fanfare_record, len, 20, 4);

#endif

NUMBER(FANFARE_LEVEL_DEBUG, 0);
NUMBER(FANFARE_LEVEL_INFO, 1);
NUMBER(FANFARE_LEVEL_NOTICE, 2);
NUMBER(FANFARE_LEVEL_WARNING, 3);
NUMBER(FANFARE_LEVEL_ERROR, 4);
NUMBER(FANFARE_LEVEL_CRITICAL, 5);
NUMBER(FANFARE_LEVEL_ALERT, 6);
NUMBER(FANFARE_LEVEL_EMERGENCY, 7);
NUMBER(FANFARE_NEVER, 18446744073709551615ull);
NUMBER(FANFARE_PROFILE_OPEN, 0);
NUMBER(FANFARE_PROFILE_LEGACY, 1);
NUMBER(FANFARE_PROFILE_MODERN, 2);
NUMBER(FANFARE_PROFILE_AUTO, 3);
NUMBER(FANFARE_REVISION_2024_11_05, 20241105);
NUMBER(FANFARE_REVISION_2025_03_26, 20250326);
NUMBER(FANFARE_REVISION_2025_06_18, 20250618);
NUMBER(FANFARE_REVISION_2025_11_25, 20251125);
NUMBER(FANFARE_REVISION_2026_07_28, 20260728);
NUMBER(FANFARE_FRAMING_NDJSON, 0);
NUMBER(FANFARE_FRAMING_JSON, 1);
NUMBER(FANFARE_FRAMING_SSE, 2);
NUMBER(FANFARE_OVERFLOW_DEFAULT, 0);
NUMBER(FANFARE_OVERFLOW_DROP_OLDEST, 1);
NUMBER(FANFARE_OVERFLOW_DROP_NEWEST, 2);
NUMBER(FANFARE_OVERFLOW_CLOSE, 3);
NUMBER(FANFARE_END_GRACEFUL, 0);
NUMBER(FANFARE_END_CANCELLED, 1);
NUMBER(FANFARE_END_DISCONNECTED, 2);
NUMBER(FANFARE_END_LAGGED, 3);
NUMBER(FANFARE_END_LIMIT, 4);
NUMBER(FANFARE_END_REVOKED, 5);
NUMBER(FANFARE_END_SHUTDOWN, 6);
NUMBER(FANFARE_STREAM_DUPLEX, 0);
NUMBER(FANFARE_STREAM_LISTEN, 1);
NUMBER(FANFARE_STREAM_REQUEST, 2);
NUMBER(FANFARE_STREAM_STANDALONE, 3);
NUMBER(FANFARE_HANDLED, 0);
NUMBER(FANFARE_PASS, 1);
NUMBER(FANFARE_TOPIC_ANY, 0);
NUMBER(FANFARE_TOPIC_TOOL_LIST, 1);
NUMBER(FANFARE_TOPIC_PROMPT_LIST, 2);
NUMBER(FANFARE_TOPIC_RESOURCE_LIST, 3);
NUMBER(FANFARE_TOPIC_RESOURCE, 4);
NUMBER(FANFARE_TOPIC_TASK, 5);
NUMBER(FANFARE_ACCESS_ALLOW, 0);
NUMBER(FANFARE_ACCESS_OMIT, 1);
NUMBER(FANFARE_ACCESS_REFUSE, 2);
NUMBER(FANFARE_TARGET_ALL, 0);
NUMBER(FANFARE_TARGET_SESSION, 1);
NUMBER(FANFARE_TARGET_REQUEST, 2);
NUMBER(FANFARE_TARGET_EXCEPT, 3);
NUMBER(FANFARE_TARGET_PRINCIPAL, 4);
NUMBER(FANFARE_FRAME_LAST, 1);
NUMBER(FANFARE_VERDICT_ACCEPTED, 0);
NUMBER(FANFARE_VERDICT_NOT_NOW, 1);
NUMBER(FANFARE_VERDICT_GONE, 2);
NUMBER(FANFARE_STATS_JSON, 0);
NUMBER(FANFARE_STATS_PROMETHEUS, 1);
NUMBER(FANFARE_HTTP_LEGACY, 0);
NUMBER(FANFARE_HTTP_MODERN, 1);
NUMBER(FANFARE_HTTP_NO_LEGACY, 1);
NUMBER(FANFARE_HTTP_NO_MODERN, 2);
NUMBER(FANFARE_HTTP_NO_SESSIONS, 4);
NUMBER(FANFARE_HTTP_NO_GET, 8);
NUMBER(FANFARE_HTTP_NO_DELETE, 16);
NUMBER(FANFARE_HTTP_NO_LOOPBACK_ORIGINS, 32);
NUMBER(FANFARE_HTTP_LOOPBACK_HOSTS, 64);
NUMBER(FANFARE_HTTP_INITIALIZE, 0);
NUMBER(FANFARE_HTTP_REQUEST, 1);
NUMBER(FANFARE_HTTP_ONE_WAY, 2);
NUMBER(FANFARE_HTTP_GET, 3);
NUMBER(FANFARE_HTTP_DELETE, 4);
NUMBER(FANFARE_HTTP_EMPTY, 0);
NUMBER(FANFARE_HTTP_JSON, 1);
NUMBER(FANFARE_HTTP_STREAM, 2);
NUMBER(FANFARE_OK, 0);
NUMBER(FANFARE_EMPTY, 1);
NUMBER(FANFARE_TRUNCATED, 2);
NUMBER(FANFARE_E_INVALID_ARGUMENT, -1);
NUMBER(FANFARE_E_NULL, -2);
NUMBER(FANFARE_E_UTF8, -3);
NUMBER(FANFARE_E_JSON, -4);
NUMBER(FANFARE_E_GONE, -5);
NUMBER(FANFARE_E_STATE, -6);
NUMBER(FANFARE_E_REENTRANT, -7);
NUMBER(FANFARE_E_LIMIT, -8);
NUMBER(FANFARE_E_NOT_NEGOTIATED, -9);
NUMBER(FANFARE_E_VERSION, -10);
NUMBER(FANFARE_E_OS, -11);
NUMBER(FANFARE_E_PANIC, -12);
NUMBER(FANFARE_E_DENIED, -13);

int main(void)
{
    return 0;
}
