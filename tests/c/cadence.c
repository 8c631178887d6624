/* When and in which company things are told: debounce, signs of life, templates, and the options
   for the ends of listens and for what belongs to no request. */
#include "check.h"

static fanfare_engine *engine_with(const char *const *settings) {
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *e = NULL;
    OK(fanfare_config_set(config, "clock", "manual"));
    for (; *settings != NULL; settings += 2) OK(fanfare_config_set(config, settings[0], settings[1]));
    OK(fanfare_engine_new(config, &e));
    fanfare_config_free(config);
    return e;
}

static size_t update(fanfare_engine *e, const char *uri) {
    size_t matched = 77;
    OK(fanfare_notify_resource_updated(e, uri, strlen(uri), NULL, &matched));
    return matched;
}

static void debounce(void) {
    static const char *const settings[] = {"debounce.resource_ms", "100", NULL};
    fanfare_engine *e = engine_with(settings);
    fanfare_session s = open_session(e, FANFARE_PROFILE_LEGACY);
    uint64_t next = 77;
    OK(fanfare_subscribe(e, s, "a:", 2));
    /* The first at once, those that follow within the interval as one, at its end. */
    CHECK(update(e, "a:") == 1 && count(read_all(e, s), "\"uri\":\"a:\"") == 1);
    CHECK(update(e, "a:") == 1 && update(e, "a:") == 1 && *read_all(e, s) == '\0');
    OK(fanfare_engine_next_deadline(e, &next));
    CHECK(next == 100);
    OK(fanfare_engine_advance(e, 99, &next));
    CHECK(next == 100 && *read_all(e, s) == '\0');
    OK(fanfare_engine_advance(e, 100, &next));
    CHECK(count(read_all(e, s), "\"uri\":\"a:\"") == 1);
    OK(fanfare_engine_free(e));
}

static void sooner(void *ctx) { ++*(int *)ctx; }

static void gone(void *ctx) { *(int *)ctx += 100; }

/* Who waits until a time that the engine gave is told when that is too late. */
static void comes_nearer(void) {
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *e = NULL;
    fanfare_session s;
    uint64_t next = 0;
    int unused = 0, told = 0;
    OK(fanfare_config_set(config, "clock", "manual"));
    OK(fanfare_config_set(config, "debounce.resource_ms", "100"));
    OK(fanfare_config_set_deadline(config, sooner, &unused, gone));
    OK(fanfare_config_set_deadline(config, sooner, &told, gone));
    CHECK(unused == 100 && told == 0);
    OK(fanfare_engine_new(config, &e));
    fanfare_config_free(config);
    s = open_session(e, FANFARE_PROFILE_LEGACY);
    OK(fanfare_subscribe(e, s, "a:", 2));
    OK(fanfare_subscribe(e, s, "b:", 2));
    CHECK(told == 0);
    CHECK(update(e, "a:") == 1 && told == 1);
    /* What is due later is no news. */
    OK(fanfare_engine_advance(e, 50, &next));
    CHECK(next == 100 && update(e, "b:") == 1 && update(e, "a:") == 1 && told == 1);
    OK(fanfare_engine_free(e));
    CHECK(told == 101);
}

static void signs_of_life(void) {
    static const char *const settings[] = {"sse.keep_alive_ms", "1000", NULL};
    static const char filter[] = "{\"toolsListChanged\":true}";
    fanfare_engine *e = engine_with(settings);
    fanfare_session_params params = session_params(FANFARE_PROFILE_MODERN);
    fanfare_session s = 0;
    fanfare_subscription sub = 0;
    uint64_t next = 0, now = 0;
    size_t comments = 0;
    params.framing = FANFARE_FRAMING_SSE;
    OK(fanfare_session_open(e, &params, &s));
    OK(fanfare_listen(e, s, 0, "1", 1, filter, sizeof filter - 1, &sub));
    CHECK(count(read_all(e, s), "acknowledged") == 1);
    /* Nothing but comments, and never more than the interval without one. */
    while (now < 4000) {
        const char *text;
        OK(fanfare_engine_next_deadline(e, &next));
        CHECK(next > now && next <= now + 1000);
        now = next;
        OK(fanfare_engine_advance(e, now, &next));
        text = read_all(e, s);
        CHECK(*text == '\0' || *text == ':');
        comments += *text == ':';
    }
    CHECK(comments >= 4 && comments <= 8);
    OK(fanfare_engine_free(e));
}

static void templates(void) {
    static const char *const settings[] = {NULL};
    fanfare_engine *e = engine_with(settings);
    fanfare_session s = open_session(e, FANFARE_PROFILE_LEGACY);
    OK(fanfare_subscribe_template(e, s, "doc://{name}", 12));
    CHECK(update(e, "doc://7") == 1 && update(e, "doc://7/8") == 0 && update(e, "note://7") == 0);
    CHECK(count(read_all(e, s), "\"uri\":\"doc://7\"") == 1);
    FAILS(FANFARE_E_INVALID_ARGUMENT, "template", fanfare_subscribe_template(e, s, "doc://{name", 11));
    OK(fanfare_unsubscribe_template(e, s, "doc://{name}", 12));
    CHECK(update(e, "doc://7") == 0);
    STATUS(FANFARE_E_GONE, fanfare_unsubscribe_template(e, s, "doc://{name}", 12));
    OK(fanfare_engine_free(e));
}

static void cancelled_first(void) {
    static const char *const settings[] = {"listen.send_cancelled", "yes", NULL};
    static const char filter[] = "{\"toolsListChanged\":true}";
    fanfare_engine *e = engine_with(settings);
    fanfare_session s = open_session(e, FANFARE_PROFILE_MODERN);
    fanfare_subscription sub = 0;
    const char *text, *cancelled, *result;
    OK(fanfare_listen(e, s, 0, "\"x\"", 3, filter, sizeof filter - 1, &sub));
    read_all(e, s);
    OK(fanfare_subscription_end(e, sub, FANFARE_END_GRACEFUL));
    text = read_all(e, s);
    cancelled = strstr(text, "notifications/cancelled");
    result = strstr(text, "\"resultType\":\"complete\"");
    CHECK(cancelled != NULL && result != NULL && cancelled < result);
    OK(fanfare_engine_free(e));
}

static void unrelated(void) {
    static const char *const settings[] = {"streams.unrelated", "request", NULL};
    static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}";
    fanfare_engine *e = engine_with(settings);
    fanfare_session s = open_session(e, FANFARE_PROFILE_LEGACY);
    fanfare_stream stream = 0;
    uint32_t disposition = 77;
    fanfare_batch *batch = fanfare_batch_new();
    const fanfare_frame *frames;
    size_t n = 0;
    OK(fanfare_stream_open(e, s, FANFARE_STREAM_REQUEST, &stream));
    OK(fanfare_receive(e, s, stream, call, sizeof call - 1, &disposition));
    OK(fanfare_notify_tool_list_changed(e, NULL, NULL));
    OK(fanfare_recv(e, s, 8, batch));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 1 && frames[0].stream == stream);
    fanfare_batch_free(batch);
    OK(fanfare_engine_free(e));
}

int main(void) {
    debounce();
    comes_nearer();
    signs_of_life();
    templates();
    cancelled_first();
    unrelated();
    return 0;
}
