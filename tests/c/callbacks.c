/* Frame, wake, log and end callbacks on the host's own thread: what they are given, what their
   answers do, and that each context is dropped once. */
#include "check.h"

/* What a callback was told. */
typedef struct {
    char text[4096];
    int calls, drops;
    int32_t answer;
    fanfare_session session;
    fanfare_stream stream;
    uint32_t reason;
    void *user_data;
} witness;

static int32_t take(void *ctx, const fanfare_frame *frame) {
    witness *w = (witness *)ctx;
    CHECK(w->drops == 0);
    w->calls++;
    w->session = frame->session;
    if (w->answer == FANFARE_VERDICT_ACCEPTED)
        strncat(w->text, frame->data.ptr, frame->data.len);
    return w->answer;
}

static void dropped(void *ctx) { ((witness *)ctx)->drops++; }

static void wake(void *ctx) {
    witness *w = (witness *)ctx;
    CHECK(w->drops == 0);
    w->calls++;
}

static void ended(void *ctx, fanfare_session session, uint32_t reason, void *user_data) {
    witness *w = (witness *)ctx;
    w->calls++;
    w->session = session;
    w->reason = reason;
    w->user_data = user_data;
}

static void over(void *ctx, fanfare_session session, fanfare_stream stream, void *user_data) {
    witness *w = (witness *)ctx;
    w->calls++;
    w->session = session;
    w->stream = stream;
    w->user_data = user_data;
}

/* The host may call the engine, though the session is in trouble. */
static void lagged(void *ctx, const fanfare_lag *lag) {
    witness *w = (witness *)ctx;
    CHECK(w->drops == 0 && lag->reserved == 0);
    w->calls++;
    w->session = lag->session;
    w->reason = lag->policy;
    w->user_data = lag->user_data;
    snprintf(w->text, sizeof w->text, "%u frames, %u bytes", (unsigned)lag->queued_frames,
             (unsigned)lag->queued_bytes);
}

static void log_line(void *ctx, const fanfare_log_record *record) {
    witness *w = (witness *)ctx;
    w->calls++;
    w->reason = record->level;
    CHECK(record->target.len > 0 && record->message.len > 0);
    strncat(w->text, record->message.ptr, record->message.len);
}

static size_t dispatch(fanfare_engine *e) {
    size_t n = 77;
    fanfare_status status = fanfare_dispatch(e, SIZE_MAX, &n);
    CHECK(status == (n == 0 ? FANFARE_EMPTY : FANFARE_OK));
    return n;
}

static void verdicts(void) {
    fanfare_engine *e = new_engine();
    fanfare_session a = open_session(e, FANFARE_PROFILE_OPEN);
    fanfare_session b = open_session(e, FANFARE_PROFILE_OPEN);
    witness all, own, late;
    size_t n = 0;
    memset(&all, 0, sizeof all);
    own = late = all;

    /* Without a callback nothing is taken, and nothing is lost. */
    raise_event(e, "notifications/x", "{\"n\":1}");
    CHECK(dispatch(e) == 0);
    OK(fanfare_engine_on_frame(e, take, &all, dropped));
    OK(fanfare_session_on_frame(e, b, take, &own, dropped));
    CHECK(dispatch(e) == 2);
    CHECK(all.calls == 1 && all.session == a && own.calls == 1 && own.session == b);
    CHECK(strcmp(all.text, own.text) == 0 && count(all.text, "{\"n\":1}}\n") == 1);

    /* "Not now" keeps the frame and its followers, in order, until resumed. */
    own.answer = FANFARE_VERDICT_NOT_NOW;
    raise_event(e, "notifications/x", "{\"n\":2}");
    raise_event(e, "notifications/x", "{\"n\":3}");
    CHECK(dispatch(e) == 2 && own.calls == 2);
    CHECK(dispatch(e) == 0 && own.calls == 2);
    own.answer = 12345; /* Not a verdict: as careful. */
    OK(fanfare_session_resume(e, b));
    CHECK(dispatch(e) == 0 && own.calls == 3);
    own.answer = FANFARE_VERDICT_ACCEPTED;
    OK(fanfare_session_resume(e, b));
    CHECK(dispatch(e) == 2 && own.calls == 5);
    CHECK(strcmp(all.text, own.text) == 0 && count(own.text, "\n") == 3);
    CHECK(strstr(own.text, "2") < strstr(own.text, "\"n\":3"));

    /* No more than asked for. */
    raise_event(e, "notifications/x", "{\"n\":4}");
    OK(fanfare_dispatch(e, 1, &n));
    CHECK(n == 1);
    STATUS(FANFARE_EMPTY, fanfare_dispatch(e, 0, &n));
    CHECK(dispatch(e) == 1);

    /* A new callback replaces the old one, whose context goes. */
    OK(fanfare_session_on_frame(e, b, take, &late, dropped));
    CHECK(own.drops == 1);
    raise_event(e, "notifications/x", "{\"n\":5}");
    CHECK(dispatch(e) == 2 && late.calls == 1 && own.drops == 1);

    /* "Gone" closes the session, and with it goes the context. */
    late.answer = FANFARE_VERDICT_GONE;
    raise_event(e, "notifications/x", "{\"n\":6}");
    CHECK(dispatch(e) == 1 && late.drops == 1);
    STATUS(FANFARE_E_GONE, fanfare_session_close(e, b));
    OK(fanfare_session_close(e, a));
    CHECK(all.drops == 0);
    OK(fanfare_engine_free(e));
    CHECK(all.drops == 1 && own.drops == 1 && late.drops == 1);
}

/* The socket became writable, and somebody said so, just before the callback said "not now". */
static int32_t refuse_too_late(void *ctx, const fanfare_frame *frame) {
    witness *w = (witness *)ctx;
    if (w->calls++ > 0) return FANFARE_VERDICT_ACCEPTED;
    OK(fanfare_session_resume((fanfare_engine *)w->user_data, frame->session));
    return FANFARE_VERDICT_NOT_NOW;
}

static void resumed_meanwhile(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN);
    witness w;
    memset(&w, 0, sizeof w);
    w.user_data = e;
    OK(fanfare_session_on_frame(e, s, refuse_too_late, &w, NULL));
    raise_event(e, "notifications/x", "{}");
    CHECK(dispatch(e) == 1 && w.calls == 2);
    /* That was for the one call: the next refusal holds. */
    w.answer = FANFARE_VERDICT_NOT_NOW;
    OK(fanfare_session_on_frame(e, s, take, &w, NULL));
    raise_event(e, "notifications/x", "{}");
    CHECK(dispatch(e) == 0 && w.calls == 3 && dispatch(e) == 0 && w.calls == 3);
    OK(fanfare_engine_free(e));
}

static void drops(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN), t;
    witness closed, freed, failed;
    memset(&closed, 0, sizeof closed);
    freed = failed = closed;
    OK(fanfare_session_on_frame(e, s, take, &closed, dropped));
    OK(fanfare_session_close(e, s));
    CHECK(closed.drops == 1);
    STATUS(FANFARE_E_GONE, fanfare_session_on_frame(e, s, take, &failed, dropped));
    t = open_session(e, FANFARE_PROFILE_OPEN);
    OK(fanfare_session_on_frame(e, t, take, &freed, dropped));
    /* A drop function is not needed. */
    OK(fanfare_engine_on_frame(e, take, &failed, NULL));
    raise_event(e, "notifications/x", "{}");
    OK(fanfare_engine_free(e));
    CHECK(closed.drops == 1 && freed.drops == 1 && failed.drops == 0);
    CHECK(closed.calls + freed.calls + failed.calls == 0);
}

static void configured(void) {
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL, *second = NULL;
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_session s = 0, lagging = 0;
    witness old, idle, end, log;
    int mine = 0;
    memset(&old, 0, sizeof old);
    idle = end = log = old;

    OK(fanfare_config_set_wake(c, wake, &old, dropped));
    OK(fanfare_config_set_wake(c, wake, &idle, dropped));
    CHECK(old.drops == 1 && idle.drops == 0);
    OK(fanfare_config_set_session_end(c, ended, &end, dropped));
    OK(fanfare_config_set_log(c, FANFARE_LEVEL_DEBUG, log_line, &log, dropped));
    OK(fanfare_config_set(c, "params.soft_bytes", "8"));
    OK(fanfare_engine_new(c, &e));
    OK(fanfare_engine_new(c, &second));

    /* Woken once for each time that it was idle. */
    params.user_data = &mine;
    OK(fanfare_session_open(e, &params, &s));
    CHECK(idle.calls == 0);
    raise_event(e, "notifications/x", "{}");
    raise_event(e, "notifications/x", "{}");
    CHECK(idle.calls == 1);
    CHECK(count(read_all(e, s), "\n") == 2);
    raise_event(e, "notifications/x", "{}");
    CHECK(idle.calls == 2);

    /* Told of what ended, with the host's own number: what was queued is out before. */
    CHECK(count(read_all(e, s), "\n") == 1);
    OK(fanfare_session_end(e, s, FANFARE_END_REVOKED));
    CHECK(end.calls == 1 && end.session == s && end.user_data == &mine);
    CHECK(end.reason == FANFARE_END_REVOKED);
    STATUS(FANFARE_E_GONE, fanfare_session_close(e, s));
    params.max_queued_frames = 1;
    params.overflow = FANFARE_OVERFLOW_CLOSE;
    OK(fanfare_session_open(e, &params, &lagging));
    raise_event(e, "notifications/x", "{}");
    raise_event(e, "notifications/x", "{}");
    CHECK(end.calls == 2 && end.session == lagging && end.reason == FANFARE_END_LAGGED);
    /* The host's own close is no news to it. */
    OK(fanfare_session_open(e, &params, &s));
    OK(fanfare_session_close(e, s));
    CHECK(end.calls == 2);

    /* The log has what is worth a line: params above the soft size, once per method. */
    log.calls = 0;
    log.text[0] = '\0';
    raise_event(e, "notifications/heavy", "{\"text\":\"longer than eight bytes\"}");
    raise_event(e, "notifications/heavy", "{\"text\":\"longer than eight bytes\"}");
    CHECK(log.calls == 1 && strstr(log.text, "notifications/heavy") != NULL);

    /* Shared by two engines and the configuration: the last of the three drops. */
    OK(fanfare_engine_free(e));
    fanfare_config_free(c);
    CHECK(idle.drops == 0 && end.drops == 0 && log.drops == 0);
    OK(fanfare_engine_free(second));
    CHECK(old.drops == 1 && idle.drops == 1 && end.drops == 1 && log.drops == 1);
}

/* A reader that stalls is reported once, before anything is done to it, and again when it has
   caught up and stalls anew. */
static void lags(void) {
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL;
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_session s = 0;
    witness old, lag, end;
    int mine = 0;
    memset(&old, 0, sizeof old);
    lag = end = old;
    OK(fanfare_config_set_lag(c, lagged, &old, dropped));
    OK(fanfare_config_set_lag(c, lagged, &lag, dropped));
    CHECK(old.drops == 1);
    OK(fanfare_config_set_session_end(c, ended, &end, NULL));
    OK(fanfare_engine_new(c, &e));
    fanfare_config_free(c);

    params.user_data = &mine;
    params.max_queued_frames = 1;
    params.overflow = FANFARE_OVERFLOW_DROP_NEWEST;
    OK(fanfare_session_open(e, &params, &s));
    raise_event(e, "notifications/x", "{}");
    CHECK(lag.calls == 0);
    raise_event(e, "notifications/x", "{}");
    raise_event(e, "notifications/x", "{}");
    CHECK(lag.calls == 1 && lag.session == s && lag.user_data == &mine);
    CHECK(lag.reason == FANFARE_OVERFLOW_DROP_NEWEST);
    CHECK(strcmp(lag.text, "1 frames, 56 bytes") == 0);
    read_all(e, s);
    raise_event(e, "notifications/x", "{}");
    CHECK(lag.calls == 1);
    raise_event(e, "notifications/x", "{}");
    CHECK(lag.calls == 2);
    OK(fanfare_session_close(e, s));

    params.overflow = FANFARE_OVERFLOW_CLOSE;
    OK(fanfare_session_open(e, &params, &s));
    raise_event(e, "notifications/x", "{}");
    raise_event(e, "notifications/x", "{}");
    CHECK(lag.calls == 3 && lag.session == s && lag.reason == FANFARE_OVERFLOW_CLOSE);
    CHECK(end.calls == 1 && end.session == s && end.reason == FANFARE_END_LAGGED);
    OK(fanfare_engine_free(e));
    CHECK(lag.drops == 1 && old.drops == 1 && old.calls == 0);
}

static void levels(void) {
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL;
    witness log;
    memset(&log, 0, sizeof log);
    OK(fanfare_config_set_log(c, FANFARE_LEVEL_EMERGENCY, log_line, &log, NULL));
    OK(fanfare_config_set(c, "params.soft_bytes", "0"));
    OK(fanfare_engine_new(c, &e));
    fanfare_config_free(c);
    raise_event(e, "notifications/heavy", "{\"n\":1}");
    CHECK(log.calls == 0);
    OK(fanfare_engine_free(e));
}

/* A stream of which everything was withdrawn has no last frame; the host is told instead. */
static void streams_over(void) {
    static const char call[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}}";
    static const char cancelled[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                                    "\"params\":{\"requestId\":1}}";
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL;
    fanfare_session_params params = session_params(FANFARE_PROFILE_LEGACY);
    fanfare_session s = 0;
    fanfare_stream post = 0, other = 0;
    uint32_t disposition = 0;
    witness old, told;
    int mine = 0;
    memset(&old, 0, sizeof old);
    told = old;
    OK(fanfare_config_set_stream_end(c, over, &old, dropped));
    OK(fanfare_config_set_stream_end(c, over, &told, dropped));
    CHECK(old.drops == 1);
    OK(fanfare_engine_new(c, &e));
    fanfare_config_free(c);
    params.user_data = &mine;
    OK(fanfare_session_open(e, &params, &s));
    OK(fanfare_stream_open(e, s, FANFARE_STREAM_REQUEST, &post));
    OK(fanfare_stream_open(e, s, FANFARE_STREAM_REQUEST, &other));
    OK(fanfare_receive(e, s, post, call, strlen(call), &disposition));
    OK(fanfare_receive(e, s, other, cancelled, strlen(cancelled), &disposition));
    CHECK(told.calls == 1 && told.session == s && told.stream == post && told.user_data == &mine);
    STATUS(FANFARE_E_GONE, fanfare_stream_close(e, post));
    OK(fanfare_engine_free(e));
    CHECK(told.calls == 1 && told.drops == 1);
}

int main(void) {
    streams_over();
    verdicts();
    resumed_meanwhile();
    drops();
    configured();
    lags();
    levels();
    return 0;
}
