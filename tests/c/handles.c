/* Handles that are zero, stale, of another engine, of another kind, or made up. */
#include "check.h"

static int drops = 0;

static int32_t take(void *ctx, const fanfare_frame *frame) {
    (void)ctx;
    (void)frame;
    return FANFARE_VERDICT_ACCEPTED;
}

static void dropped(void *ctx) {
    (void)ctx;
    drops++;
}

/* Every function that takes a session, with one that is none. */
static void no_session(fanfare_engine *e, fanfare_session s) {
    fanfare_session_counters counters;
    fanfare_batch *batch = fanfare_batch_new();
    fanfare_raise raise;
    fanfare_subscription subscription = 77;
    fanfare_stream stream = 77;
    uint32_t number = 77;
    void *user_data = NULL;
    char buf[64];
    size_t n = 77;
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
    raise.target = FANFARE_TARGET_SESSION;
    raise.session = s;
    FAILS(FANFARE_E_GONE, "session", fanfare_session_end(e, s, FANFARE_END_GRACEFUL));
    FAILS(FANFARE_E_GONE, "session", fanfare_session_close(e, s));
    STATUS(FANFARE_E_GONE, fanfare_session_pause(e, s));
    STATUS(FANFARE_E_GONE, fanfare_session_resume(e, s));
    STATUS(FANFARE_E_GONE, fanfare_session_revision(e, s, &number));
    STATUS(FANFARE_E_GONE, fanfare_session_user_data(e, s, &user_data));
    STATUS(FANFARE_E_GONE, fanfare_session_stats(e, s, &counters));
    STATUS(FANFARE_E_GONE, fanfare_session_on_frame(e, s, take, NULL, dropped));
    STATUS(FANFARE_E_GONE, fanfare_stream_open(e, s, FANFARE_STREAM_DUPLEX, &stream));
    STATUS(FANFARE_E_GONE, fanfare_stream_default(e, s, &stream));
    STATUS(FANFARE_E_GONE, fanfare_stream_resume(e, s, "1-0", 3, &stream));
    STATUS(FANFARE_E_GONE, fanfare_receive(e, s, 0, "{}", 2, &number));
    STATUS(FANFARE_E_GONE, fanfare_receive_too_long(e, s, 0, &number));
    STATUS(FANFARE_E_GONE, fanfare_send(e, s, 0, "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", 30));
    STATUS(FANFARE_E_GONE, fanfare_subscribe(e, s, "a:b", 3));
    STATUS(FANFARE_E_GONE, fanfare_unsubscribe(e, s, "a:b", 3));
    STATUS(FANFARE_E_GONE, fanfare_subscribe_template(e, s, "a:{b}", 5));
    STATUS(FANFARE_E_GONE, fanfare_unsubscribe_template(e, s, "a:{b}", 5));
    STATUS(FANFARE_E_GONE, fanfare_listen(e, s, 0, "1", 1, "{}", 2, &subscription));
    STATUS(FANFARE_E_GONE, fanfare_subscription_find(e, s, "1", 1, &subscription));
    STATUS(FANFARE_E_GONE, fanfare_notify_tool_list_changed(e, &raise, &n));
    STATUS(FANFARE_E_GONE, fanfare_read(e, s, buf, sizeof buf, &n));
    if (s != 0) { /* Where 0 stands for every session. */
        STATUS(FANFARE_E_GONE, fanfare_recv(e, s, 1, batch));
        STATUS(FANFARE_E_GONE, fanfare_recv_vectored(e, s, 1, batch));
    }
    CHECK(subscription == 77 && stream == 77 && number == 77 && n == 77 && user_data == NULL);
    CHECK(counters.delivered == 0 && drops == 0);
    fanfare_batch_free(batch);
}

static void no_stream(fanfare_engine *e, fanfare_session s, fanfare_stream stream) {
    fanfare_batch *batch = fanfare_batch_new();
    uint32_t disposition = 77;
    STATUS(FANFARE_E_GONE, fanfare_stream_close(e, stream));
    STATUS(FANFARE_E_GONE, fanfare_stream_hang_up(e, stream, 1));
    STATUS(FANFARE_E_GONE, fanfare_recv_stream(e, stream, 1, batch));
    if (stream != 0) { /* Where 0 stands for the default stream. */
        STATUS(FANFARE_E_GONE, fanfare_receive(e, s, stream, "{}", 2, &disposition));
        CHECK(disposition == 77);
    }
    fanfare_batch_free(batch);
}

int main(void) {
    static const uint64_t made_up[] = {0, 1, 77, 0xffffffff, 0x100000000, UINT64_MAX, INT64_MAX};
    fanfare_engine *e = new_engine(), *other = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN), again;
    fanfare_session modern = open_session(e, FANFARE_PROFILE_MODERN), foreign;
    fanfare_stream stream = 0;
    fanfare_subscription subscription = 0, found = 0;
    size_t i;

    OK(fanfare_stream_default(e, s, &stream));
    OK(fanfare_listen(e, modern, 0, "1", 1, "{\"toolsListChanged\":true}", 25, &subscription));
    OK(fanfare_subscription_find(e, modern, "1", 1, &found));
    CHECK(found == subscription);

    for (i = 0; i < sizeof made_up / sizeof *made_up; i++) {
        uint64_t handle = made_up[i];
        if (handle == s || handle == stream || handle == modern || handle == subscription) continue;
        no_session(e, handle);
        no_stream(e, s, handle);
        STATUS(FANFARE_E_GONE, fanfare_subscription_end(e, handle, FANFARE_END_GRACEFUL));
    }

    /* Closed twice; stale for ever, also when its place is taken by another. */
    OK(fanfare_session_close(e, s));
    no_session(e, s);
    no_stream(e, modern, stream);
    for (i = 0; i < 100; i++) {
        again = open_session(e, FANFARE_PROFILE_OPEN);
        CHECK(again != s);
        no_session(e, s);
        OK(fanfare_session_close(e, again));
    }
    OK(fanfare_subscription_end(e, subscription, FANFARE_END_REVOKED));
    STATUS(FANFARE_E_GONE, fanfare_subscription_end(e, subscription, FANFARE_END_REVOKED));
    STATUS(FANFARE_E_GONE, fanfare_subscription_find(e, modern, "1", 1, &found));

    /* A handle of another engine: this one has never had as many sessions. */
    for (i = 0; i < 50; i++) foreign = open_session(other, FANFARE_PROFILE_OPEN);
    no_session(e, foreign);

    OK(fanfare_engine_free(e));
    OK(fanfare_engine_free(other));
    return 0;
}
