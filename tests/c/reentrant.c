/* What a callback may call, and what it may not: an error, never a deadlock. */
#include "check.h"

typedef struct {
    fanfare_engine *engine, *other;
    fanfare_session session;
    int calls, drops;
    size_t n;
} world;

static const char UPDATED[] = "notifications/resources/updated";

/* Called for the first frame: tries everything. */
static int32_t try_everything(void *ctx, const fanfare_frame *frame) {
    world *w = (world *)ctx;
    fanfare_engine *e = w->engine;
    fanfare_session opened = 0, ready[4];
    fanfare_batch *batch = fanfare_batch_new();
    fanfare_counters counters;
    char buf[512];
    size_t n = 77;
    uint64_t ms = 0;
    if (w->calls++ > 0) {
        fanfare_batch_free(batch);
        return FANFARE_VERDICT_ACCEPTED;
    }
    CHECK(frame->session == w->session);

    FAILS(FANFARE_E_REENTRANT, "fanfare_engine_free", fanfare_engine_free(e));
    FAILS(FANFARE_E_REENTRANT, "fanfare_dispatch", fanfare_dispatch(e, 1, &n));
    FAILS(FANFARE_E_REENTRANT, "fanfare_dispatcher_stop", fanfare_dispatcher_stop(e));
    CHECK(n == 77);

    opened = open_session(e, FANFARE_PROFILE_OPEN);
    CHECK(receive(e, opened, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}") == FANFARE_HANDLED);
    CHECK(count(read_all(e, opened), "\"result\":{}") == 1);
    OK(fanfare_notify_resource_updated(e, "doc://1", 7, NULL, &n));
    CHECK(n == 2);
    OK(fanfare_recv(e, opened, 9, batch));
    OK(fanfare_session_close(e, opened));
    CHECK(fanfare_engine_wait(e, 0, ready, 4, &n) >= 0);
    OK(fanfare_engine_tick(e, &ms));
    OK(fanfare_engine_wakeup(e));
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    OK(fanfare_engine_stats(e, &counters));
    CHECK(counters.sessions == 1);
    STATUS(FANFARE_E_GONE, fanfare_read(e, opened, buf, sizeof buf, &n));

    /* Another engine is another matter. */
    raise_event(w->other, "notifications/y", "{}");
    OK(fanfare_dispatch(w->other, SIZE_MAX, &w->n));
    fanfare_batch_free(batch);
    return FANFARE_VERDICT_ACCEPTED;
}

static int32_t count_calls(void *ctx, const fanfare_frame *frame) {
    (void)frame;
    /* The outer engine is still inside of one of its callbacks, however deep we are. */
    STATUS(FANFARE_E_REENTRANT, fanfare_engine_free(((world *)ctx)->engine));
    return FANFARE_VERDICT_ACCEPTED;
}

static void everything(void) {
    world w;
    size_t n = 0;
    memset(&w, 0, sizeof w);
    w.engine = new_engine();
    w.other = new_engine();
    w.session = open_session(w.engine, FANFARE_PROFILE_OPEN);
    open_session(w.other, FANFARE_PROFILE_OPEN);
    OK(fanfare_engine_on_frame(w.other, count_calls, &w, NULL));
    OK(fanfare_session_on_frame(w.engine, w.session, try_everything, &w, NULL));
    raise_event(w.engine, "notifications/x", "{}");
    /* The update that was raised inside comes after, in this dispatch or the next. */
    while (fanfare_dispatch(w.engine, SIZE_MAX, &n) == FANFARE_OK) continue;
    CHECK(w.calls == 2 && w.n == 1);
    /* Outside again, the same calls work. */
    STATUS(FANFARE_E_STATE, fanfare_dispatcher_stop(w.engine));
    OK(fanfare_engine_free(w.engine));
    OK(fanfare_engine_free(w.other));
}

static int32_t close_itself(void *ctx, const fanfare_frame *frame) {
    world *w = (world *)ctx;
    w->calls++;
    CHECK(w->drops == 0);
    OK(fanfare_session_close(w->engine, frame->session));
    STATUS(FANFARE_E_GONE, fanfare_session_close(w->engine, frame->session));
    /* The frame is still ours to the end of this call, and so is the context. */
    CHECK(memcmp(frame->data.ptr, "{\"jsonrpc\"", 10) == 0 && w->drops == 0);
    return w->calls % 2 ? FANFARE_VERDICT_ACCEPTED : FANFARE_VERDICT_GONE;
}

static void count_drop(void *ctx) { ((world *)ctx)->drops++; }

static void closing_itself(void) {
    world w;
    int round;
    size_t n = 0;
    for (round = 0; round < 4; round++) {
        memset(&w, 0, sizeof w);
        w.engine = new_engine();
        w.calls = round;
        w.session = open_session(w.engine, FANFARE_PROFILE_OPEN);
        OK(fanfare_session_on_frame(w.engine, w.session, close_itself, &w, count_drop));
        raise_event(w.engine, "notifications/x", "{}");
        raise_event(w.engine, "notifications/x", "{}");
        CHECK(fanfare_dispatch(w.engine, SIZE_MAX, &n) >= 0);
        CHECK(w.calls == round + 1 && w.drops == 1); /* The second frame went with the session. */
        OK(fanfare_engine_free(w.engine));
        CHECK(w.drops == 1);
    }
}

static int32_t replace_itself(void *ctx, const fanfare_frame *frame) {
    world *w = (world *)ctx;
    w->calls++;
    OK(fanfare_session_on_frame(w->engine, frame->session, replace_itself, w, count_drop));
    CHECK(w->drops == w->calls - 1); /* Our own registration cannot be dropped under us. */
    return FANFARE_VERDICT_ACCEPTED;
}

static void replacing_itself(void) {
    world w;
    size_t n = 0, i;
    memset(&w, 0, sizeof w);
    w.engine = new_engine();
    w.session = open_session(w.engine, FANFARE_PROFILE_OPEN);
    OK(fanfare_session_on_frame(w.engine, w.session, replace_itself, &w, count_drop));
    for (i = 0; i < 3; i++) {
        raise_event(w.engine, "notifications/x", "{}");
        OK(fanfare_dispatch(w.engine, SIZE_MAX, &n));
    }
    CHECK(w.calls == 3 && w.drops == 3);
    OK(fanfare_engine_free(w.engine));
    CHECK(w.drops == 4);
}

/* A drop function may run in the middle of anything, so that nothing may be called from it. */
static void call_from_drop(void *ctx) {
    world *w = (world *)ctx;
    size_t n = 77;
    uint32_t disposition = 77;
    FAILS(FANFARE_E_REENTRANT, "drop", fanfare_engine_free(w->engine));
    STATUS(FANFARE_E_REENTRANT, fanfare_session_close(w->engine, w->session));
    STATUS(FANFARE_E_REENTRANT, fanfare_notify_tool_list_changed(w->engine, NULL, &n));
    STATUS(FANFARE_E_REENTRANT, fanfare_receive(w->engine, w->session, 0, "{}", 2, &disposition));
    STATUS(FANFARE_E_REENTRANT, fanfare_engine_new(NULL, &w->other));
    CHECK(fanfare_engine_fd(w->engine) == -1);
    CHECK(n == 77 && disposition == 77);
    w->drops++;
}

static int32_t take(void *ctx, const fanfare_frame *frame) {
    (void)ctx;
    (void)frame;
    return FANFARE_VERDICT_ACCEPTED;
}

static void from_drop(void) {
    world w;
    memset(&w, 0, sizeof w);
    w.engine = new_engine();
    w.session = open_session(w.engine, FANFARE_PROFILE_OPEN);
    OK(fanfare_session_on_frame(w.engine, w.session, take, &w, call_from_drop));
    OK(fanfare_session_close(w.engine, w.session));
    CHECK(w.drops == 1);
    OK(fanfare_engine_on_frame(w.engine, take, &w, call_from_drop));
    OK(fanfare_engine_free(w.engine)); /* Also while the engine itself goes. */
    CHECK(w.drops == 2);
}

/* The hooks of the configuration are callbacks as well. */
static void wake_calls(void *ctx) {
    world *w = (world *)ctx;
    char buf[512];
    size_t n = 0;
    w->calls++;
    STATUS(FANFARE_E_REENTRANT, fanfare_engine_free(w->engine));
    STATUS(FANFARE_E_REENTRANT, fanfare_dispatch(w->engine, 1, &n));
    OK(fanfare_read(w->engine, w->session, buf, sizeof buf, &n));
}

static void from_wake(void) {
    fanfare_config *c = fanfare_config_new();
    world w;
    memset(&w, 0, sizeof w);
    OK(fanfare_config_set_wake(c, wake_calls, &w, count_drop));
    OK(fanfare_engine_new(c, &w.engine));
    fanfare_config_free(c);
    w.session = open_session(w.engine, FANFARE_PROFILE_OPEN);
    raise_event(w.engine, UPDATED, "{\"uri\":\"doc://7\"}");
    raise_event(w.engine, UPDATED, "{\"uri\":\"doc://7\"}");
    CHECK(w.calls == 2);
    OK(fanfare_engine_free(w.engine));
    CHECK(w.drops == 1);
}

int main(void) {
    everything();
    closing_itself();
    replacing_itself();
    from_drop();
    from_wake();
    return 0;
}
