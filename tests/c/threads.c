/* Threads: raising, draining and churning at once, dispatcher threads, and an engine that is freed
   under a callback. */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

enum { RAISERS = 3, EVENTS = 200, SESSIONS = 8 };

static void spawn(pthread_t *thread, void *(*body)(void *), void *arg) {
    CHECK(pthread_create(thread, NULL, body, arg) == 0);
}

static void join(pthread_t thread) { CHECK(pthread_join(thread, NULL) == 0); }

/* -- What one session hears must be whole and in order, per raiser. */

typedef struct {
    fanfare_session session;
    int next[RAISERS];
    atomic_int inside;
    atomic_int drops;
    int total;
} listener;

static void hear(listener *l, const char *text, size_t len) {
    char line[256];
    int raiser = -1, n = -1;
    CHECK(len < sizeof line);
    memcpy(line, text, len);
    line[len] = '\0';
    CHECK(sscanf(strstr(line, "\"params\""), "\"params\":{\"raiser\":%d,\"n\":%d}", &raiser, &n) == 2);
    CHECK(raiser >= 0 && raiser < RAISERS && n == l->next[raiser]);
    l->next[raiser]++;
    l->total++;
}

typedef struct {
    fanfare_engine *engine;
    int number;
    atomic_int *running;
} raiser;

static void *raise_events(void *arg) {
    raiser *r = (raiser *)arg;
    char params[64];
    int n;
    for (n = 0; n < EVENTS; n++) {
        snprintf(params, sizeof params, "{\"raiser\":%d,\"n\":%d}", r->number, n);
        raise_event(r->engine, "notifications/x", params);
    }
    atomic_fetch_sub(r->running, 1);
    OK(fanfare_engine_wakeup(r->engine));
    return NULL;
}

/* Opens, uses and closes sessions all the time; some of its handles are stale when used. */
static void *churn(void *arg) {
    raiser *r = (raiser *)arg;
    while (atomic_load(r->running) > 0) {
        fanfare_session s = open_session(r->engine, FANFARE_PROFILE_LEGACY);
        OK(fanfare_subscribe(r->engine, s, "doc://7", 7));
        OK(fanfare_notify_resource_updated(r->engine, "doc://7", 7, NULL, NULL));
        CHECK(count(read_all(r->engine, s), "doc://7") == 1);
        OK(fanfare_session_close(r->engine, s));
        STATUS(FANFARE_E_GONE, fanfare_unsubscribe(r->engine, s, "doc://7", 7));
    }
    return NULL;
}

static fanfare_engine *roomy_engine(listener *listeners) {
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL;
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    const char *types = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscribe\","
                        "\"params\":{\"types\":[\"x\"]}}";
    int i;
    OK(fanfare_config_set(c, "session.max_queued_frames", "100000"));
    OK(fanfare_engine_new(c, &e));
    fanfare_config_free(c);
    memset(listeners, 0, SESSIONS * sizeof *listeners);
    for (i = 0; i < SESSIONS; i++) {
        params.user_data = &listeners[i];
        OK(fanfare_session_open(e, &params, &listeners[i].session));
        CHECK(receive(e, listeners[i].session, types) == FANFARE_HANDLED);
    }
    return e;
}

static void drain_some(fanfare_engine *e) {
    static char buf[1 << 14];
    size_t len = 0, at;
    while (fanfare_drain(e, buf, sizeof buf, &len) == FANFARE_OK)
        for (at = 0; at < len;) {
            fanfare_record record;
            void *user_data = NULL;
            memcpy(&record, buf + at, sizeof record);
            at += sizeof record;
            /* Also frames of the churner's sessions may come by; those have no listener. */
            if (fanfare_session_user_data(e, record.session, &user_data) == FANFARE_OK
                && user_data != NULL)
                hear((listener *)user_data, buf + at, record.len);
            at += ((size_t)record.len + 7) / 8 * 8;
        }
}

static void all_heard_everything(const listener *listeners) {
    int i;
    for (i = 0; i < SESSIONS; i++) CHECK(listeners[i].total == RAISERS * EVENTS);
}

static void raising_and_draining(void) {
    static listener listeners[SESSIONS];
    fanfare_engine *e = roomy_engine(listeners);
    pthread_t threads[RAISERS];
    raiser raisers[RAISERS];
    atomic_int running = RAISERS;
    size_t n = 0;
    int i;
    for (i = 0; i < RAISERS; i++) {
        raisers[i].engine = e;
        raisers[i].number = i;
        raisers[i].running = &running;
        spawn(&threads[i], raise_events, &raisers[i]);
    }
    while (atomic_load(&running) > 0) {
        CHECK(fanfare_engine_wait(e, -1, NULL, 0, &n) >= 0);
        drain_some(e);
    }
    drain_some(e);
    for (i = 0; i < RAISERS; i++) join(threads[i]);
    all_heard_everything(listeners);
    OK(fanfare_engine_free(e));
}

/* -- Dispatcher threads. */

static int32_t take(void *ctx, const fanfare_frame *frame) {
    listener *l = (listener *)ctx;
    /* For one session no two calls overlap, and none comes after the drop. */
    CHECK(atomic_fetch_add(&l->inside, 1) == 0 && atomic_load(&l->drops) == 0);
    CHECK(frame->session == l->session);
    hear(l, frame->data.ptr, frame->data.len);
    CHECK(atomic_fetch_sub(&l->inside, 1) == 1);
    return FANFARE_VERDICT_ACCEPTED;
}

static void dropped(void *ctx) {
    listener *l = (listener *)ctx;
    CHECK(atomic_load(&l->inside) == 0);
    atomic_fetch_add(&l->drops, 1);
}

static void dispatcher_threads(void) {
    static listener listeners[SESSIONS];
    fanfare_engine *e = roomy_engine(listeners);
    pthread_t threads[RAISERS], churner;
    raiser raisers[RAISERS + 1];
    atomic_int running = RAISERS;
    size_t n = 0;
    int i;
    for (i = 0; i < SESSIONS; i++)
        OK(fanfare_session_on_frame(e, listeners[i].session, take, &listeners[i], dropped));
    OK(fanfare_dispatcher_start(e, 2));
    FAILS(FANFARE_E_STATE, "already", fanfare_dispatcher_start(e, 2));
    for (i = 0; i <= RAISERS; i++) {
        raisers[i].engine = e;
        raisers[i].number = i;
        raisers[i].running = &running;
    }
    spawn(&churner, churn, &raisers[RAISERS]);
    for (i = 0; i < RAISERS; i++) spawn(&threads[i], raise_events, &raisers[i]);
    for (i = 0; i < RAISERS; i++) join(threads[i]);
    join(churner);
    OK(fanfare_dispatcher_stop(e));
    STATUS(FANFARE_E_STATE, fanfare_dispatcher_stop(e));
    /* What they had not come to is still there, for this thread. */
    CHECK(fanfare_dispatch(e, SIZE_MAX, &n) >= 0);
    all_heard_everything(listeners);
    /* They can be started again, and are stopped by the engine's end. */
    OK(fanfare_dispatcher_start(e, 1));
    OK(fanfare_engine_free(e));
    for (i = 0; i < SESSIONS; i++) CHECK(atomic_load(&listeners[i].drops) == 1);
}

/* -- For one session no two calls overlap, also when it has several streams. */

typedef struct {
    fanfare_engine *engine;
    fanfare_stream streams[3];
    int calls, inside;
    fanfare_stream seen[3];
} several;

static void *dispatch_all(void *arg) {
    size_t n = 0;
    CHECK(fanfare_dispatch((fanfare_engine *)arg, SIZE_MAX, &n) >= 0);
    return NULL;
}

static void listen_on(several *s, fanfare_session session, int i) {
    static const char listen[] =
        "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"subscriptions/listen\",\"params\":{\"_meta\":{"
        "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
        "\"io.modelcontextprotocol/clientCapabilities\":{}},"
        "\"notifications\":{\"toolsListChanged\":true}}}";
    char message[512];
    uint32_t disposition = 0;
    snprintf(message, sizeof message, listen, i);
    OK(fanfare_receive(s->engine, session, s->streams[i], message, strlen(message), &disposition));
}

static int32_t let_others_try(void *ctx, const fanfare_frame *frame) {
    several *s = (several *)ctx;
    pthread_t other;
    CHECK(s->inside++ == 0 && s->calls < 3);
    s->seen[s->calls++] = frame->stream;
    if (s->calls == 1) {
        /* Another thread delivers meanwhile, also to a stream that is new. */
        OK(fanfare_stream_open(s->engine, frame->session, FANFARE_STREAM_LISTEN, &s->streams[2]));
        listen_on(s, frame->session, 2);
        spawn(&other, dispatch_all, s->engine);
        join(other);
    }
    s->inside--;
    return FANFARE_VERDICT_ACCEPTED;
}

static void one_session_with_three_streams(void) {
    several s;
    fanfare_session session;
    int i;
    memset(&s, 0, sizeof s);
    s.engine = new_engine();
    session = open_session(s.engine, FANFARE_PROFILE_MODERN);
    OK(fanfare_engine_on_frame(s.engine, let_others_try, &s, NULL));
    for (i = 0; i < 2; i++) {
        OK(fanfare_stream_open(s.engine, session, FANFARE_STREAM_LISTEN, &s.streams[i]));
        listen_on(&s, session, i);
    }
    dispatch_all(s.engine);
    /* One acknowledgment on each. */
    CHECK(s.calls == 3 && s.seen[0] != s.seen[1] && s.seen[0] != s.seen[2]);
    CHECK(s.seen[1] != s.seen[2]);
    OK(fanfare_engine_free(s.engine));
}

/* -- Freed while a callback runs. */

typedef struct {
    fanfare_engine *engine;
    atomic_int in_callback, drops;
} visit;

static int32_t linger(void *ctx, const fanfare_frame *frame) {
    visit *v = (visit *)ctx;
    (void)frame;
    atomic_store(&v->in_callback, 1);
    /* Stays until the engine is being freed: from then on it refuses visitors. */
    size_t n = 0;
    fanfare_status status;
    do {
        status = fanfare_engine_wait(v->engine, 1, NULL, 0, &n);
    } while (status >= 0);
    CHECK(status == FANFARE_E_STATE && atomic_load(&v->drops) == 0);
    /* Everything else still works for who was inside. */
    OK(fanfare_notify_tool_list_changed(v->engine, NULL, NULL));
    atomic_store(&v->in_callback, 0);
    return FANFARE_VERDICT_ACCEPTED;
}

static void visit_over(void *ctx) {
    visit *v = (visit *)ctx;
    CHECK(atomic_load(&v->in_callback) == 0);
    atomic_fetch_add(&v->drops, 1);
}

static void *dispatch_once(void *arg) {
    visit *v = (visit *)arg;
    size_t n = 0;
    CHECK(fanfare_dispatch(v->engine, 1, &n) >= 0);
    return NULL;
}

static void freed_under_a_callback(int own_threads) {
    visit v;
    pthread_t thread;
    memset(&v, 0, sizeof v);
    v.engine = new_engine();
    open_session(v.engine, FANFARE_PROFILE_OPEN);
    OK(fanfare_engine_on_frame(v.engine, linger, &v, visit_over));
    raise_event(v.engine, "notifications/x", "{}");
    if (own_threads) OK(fanfare_dispatcher_start(v.engine, 2));
    else spawn(&thread, dispatch_once, &v);
    while (atomic_load(&v.in_callback) == 0) continue;
    OK(fanfare_engine_free(v.engine));
    /* None is running, and its context is gone. */
    CHECK(atomic_load(&v.in_callback) == 0 && atomic_load(&v.drops) == 1);
    if (!own_threads) join(thread);
}

/* -- Two engines: a dispatcher thread of one ends the other, with its threads. */

typedef struct {
    fanfare_engine *other;
    atomic_int done, drops;
} ender;

static int32_t end_the_other(void *ctx, const fanfare_frame *frame) {
    ender *x = (ender *)ctx;
    (void)frame;
    OK(fanfare_dispatcher_stop(x->other));
    OK(fanfare_dispatcher_start(x->other, 1));
    OK(fanfare_engine_free(x->other));
    CHECK(atomic_load(&x->drops) == 1);
    atomic_store(&x->done, 1);
    return FANFARE_VERDICT_ACCEPTED;
}

static int32_t accept(void *ctx, const fanfare_frame *frame) {
    (void)ctx;
    (void)frame;
    return FANFARE_VERDICT_ACCEPTED;
}

static void count_drop(void *ctx) { atomic_fetch_add(&((ender *)ctx)->drops, 1); }

static void one_engine_ends_another(void) {
    fanfare_engine *e = new_engine();
    ender x;
    memset(&x, 0, sizeof x);
    x.other = new_engine();
    OK(fanfare_engine_on_frame(x.other, accept, &x, count_drop));
    OK(fanfare_dispatcher_start(x.other, 2));
    open_session(e, FANFARE_PROFILE_OPEN);
    OK(fanfare_engine_on_frame(e, end_the_other, &x, NULL));
    OK(fanfare_dispatcher_start(e, 1));
    raise_event(e, "notifications/x", "{}");
    while (atomic_load(&x.done) == 0) continue;
    OK(fanfare_engine_free(e));
}

int main(void) {
    raising_and_draining();
    dispatcher_threads();
    one_session_with_three_streams();
    freed_under_a_callback(0);
    freed_under_a_callback(1);
    one_engine_ends_another();
    return 0;
}
