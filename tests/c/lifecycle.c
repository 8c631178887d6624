/* The life of engines: in any order, many at once, and with a clock that the host turns. */
#include <poll.h>

#include "check.h"

static void in_any_order(void) {
    fanfare_engine *engines[20];
    fanfare_config *c = fanfare_config_new();
    int i;
    for (i = 0; i < 20; i++) OK(fanfare_engine_new(i % 2 ? c : NULL, &engines[i]));
    fanfare_config_free(c);
    for (i = 0; i < 20; i++) {
        open_session(engines[i], (uint32_t)i % 4);
        OK(fanfare_notify_tool_list_changed(engines[i], NULL, NULL));
    }
    for (i = 0; i < 20; i += 2) OK(fanfare_engine_free(engines[i]));
    for (i = 1; i < 20; i += 2) OK(fanfare_engine_free(engines[i]));
}

static void configured_by_key(void) {
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL;
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_session s = 0;
    fanfare_session_counters counters;
    char value[32];
    size_t len = 0;
    OK(fanfare_config_set(c, "session.max_queued_frames", "2"));
    OK(fanfare_config_set(c, "overflow", "drop_oldest"));
    OK(fanfare_config_get(c, "session.max_queued_frames", value, sizeof value, &len));
    CHECK(len == 1 && strcmp(value, "2") == 0);
    OK(fanfare_engine_new(c, &e));
    /* The configuration was copied: what changes later is for later engines. */
    OK(fanfare_config_set(c, "session.max_queued_frames", "9"));
    fanfare_config_free(c);
    OK(fanfare_session_open(e, &params, &s));
    raise_event(e, "notifications/x", "{\"n\":1}");
    raise_event(e, "notifications/x", "{\"n\":2}");
    raise_event(e, "notifications/x", "{\"n\":3}");
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    OK(fanfare_session_stats(e, s, &counters));
    CHECK(counters.dropped == 1 && counters.queued_frames == 2);
    CHECK(strstr(read_all(e, s), "\"n\":1") == NULL);
    /* In place of the engine's policy, the session's own. */
    params.overflow = FANFARE_OVERFLOW_DROP_NEWEST;
    params.max_queued_frames = 1;
    params.framing = FANFARE_FRAMING_JSON;
    OK(fanfare_session_open(e, &params, &s));
    raise_event(e, "notifications/x", "{\"n\":1}");
    raise_event(e, "notifications/x", "{\"n\":2}");
    CHECK(strcmp(read_all(e, s),
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"n\":1}}") == 0);
    OK(fanfare_engine_free(e));
}

static void a_clock_of_the_host(void) {
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL;
    fanfare_session s;
    uint64_t ms = 77;
    static const char CALL[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                               "\"params\":{\"name\":\"t\",\"_meta\":{\"progressToken\":\"p\"}}}";
    OK(fanfare_config_set(c, "clock", "manual"));
    OK(fanfare_config_set(c, "progress.min_interval_ms", "100"));
    OK(fanfare_engine_new(c, &e));
    fanfare_config_free(c);
    OK(fanfare_engine_now(e, &ms));
    CHECK(ms == 0);
    OK(fanfare_engine_advance(e, 1000, &ms));
    CHECK(ms == FANFARE_NEVER);
    OK(fanfare_engine_now(e, &ms));
    CHECK(ms == 1000);
    OK(fanfare_engine_advance(e, 999, &ms)); /* It does not run backwards. */
    OK(fanfare_engine_now(e, &ms));
    CHECK(ms == 1000);

    /* The second value within the interval waits for its time. */
    s = open_session(e, FANFARE_PROFILE_LEGACY);
    CHECK(receive(e, s, CALL) == FANFARE_PASS);
    OK(fanfare_notify_progress(e, "\"p\"", 3, 1, 10, "one", 3, NULL, NULL));
    CHECK(count(read_all(e, s), "\"progress\":1") == 1);
    OK(fanfare_notify_progress(e, "\"p\"", 3, 2, 10, NULL, 0, NULL, NULL));
    CHECK(read_all(e, s)[0] == '\0');
    OK(fanfare_engine_next_deadline(e, &ms));
    CHECK(ms == 1100);
    OK(fanfare_engine_advance(e, 1100, &ms));
    CHECK(ms == FANFARE_NEVER && count(read_all(e, s), "\"progress\":2") == 1);
    OK(fanfare_engine_free(e));
    e = new_engine();
    STATUS(FANFARE_E_STATE, fanfare_engine_advance(e, 1, &ms));
    OK(fanfare_engine_tick(e, &ms));
    CHECK(ms == FANFARE_NEVER);
    OK(fanfare_engine_free(e));
}

static int readable(fanfare_engine *e) {
    struct pollfd fd;
    fd.fd = fanfare_engine_fd(e);
    fd.events = POLLIN;
    CHECK(fd.fd >= 0);
    return poll(&fd, 1, 0);
}

static void a_descriptor_that_says_what_is(void) {
    fanfare_engine *e = new_engine();
    fanfare_session a = open_session(e, FANFARE_PROFILE_OPEN);
    fanfare_session b = open_session(e, FANFARE_PROFILE_OPEN);
    CHECK(readable(e) == 0);
    raise_event(e, "notifications/x", "{}");
    CHECK(readable(e) == 1 && readable(e) == 1);
    read_all(e, a);
    CHECK(readable(e) == 1);
    OK(fanfare_session_pause(e, b));
    CHECK(readable(e) == 0);
    OK(fanfare_session_resume(e, b));
    CHECK(readable(e) == 1);
    OK(fanfare_session_close(e, b));
    CHECK(readable(e) == 0);
    OK(fanfare_engine_free(e));
}

static void streams_and_their_last_frames(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_MODERN);
    fanfare_stream stream = 0;
    fanfare_batch *batch = fanfare_batch_new();
    const fanfare_frame *frames;
    fanfare_subscription subscription = 0;
    size_t n = 0;
    OK(fanfare_stream_open(e, s, FANFARE_STREAM_LISTEN, &stream));
    OK(fanfare_listen(e, s, stream, "\"l\"", 3, "{\"toolsListChanged\":true}", 25, &subscription));
    OK(fanfare_notify_tool_list_changed(e, NULL, &n));
    CHECK(n == 1);
    OK(fanfare_subscription_end(e, subscription, FANFARE_END_GRACEFUL));
    OK(fanfare_recv_stream(e, stream, SIZE_MAX, batch));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 3 && frames[0].flags == 0 && frames[1].flags == 0);
    CHECK(frames[2].flags == FANFARE_FRAME_LAST);
    fanfare_batch_free(batch);
    OK(fanfare_engine_free(e));
}

int main(void) {
    in_any_order();
    configured_by_key();
    a_clock_of_the_host();
    a_descriptor_that_says_what_is();
    streams_and_their_last_frames();
    return 0;
}
