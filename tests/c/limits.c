/* The limits, as options: who is refused, with which text, and that nothing has changed then. */
#include "check.h"

static fanfare_engine *with(const char *key, const char *value) {
    fanfare_config *c = fanfare_config_new();
    fanfare_engine *e = NULL;
    OK(fanfare_config_set(c, key, value));
    OK(fanfare_engine_new(c, &e));
    fanfare_config_free(c);
    return e;
}

static fanfare_counters counters(fanfare_engine *e) {
    fanfare_counters all;
    memset(&all, 0, sizeof all);
    all.struct_size = sizeof all;
    OK(fanfare_engine_stats(e, &all));
    return all;
}

static void sessions_and_streams(void) {
    fanfare_engine *e = with("engine.max_sessions", "1");
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN), more = 77;
    fanfare_stream stream = 77;
    FAILS(FANFARE_E_LIMIT, "engine.max_sessions allows 1", fanfare_session_open(e, &params, &more));
    CHECK(more == 77 && counters(e).sessions == 1 && counters(e).limited == 1);
    OK(fanfare_session_close(e, s));
    OK(fanfare_session_open(e, &params, &more));
    OK(fanfare_engine_free(e));

    e = with("session.max_streams", "2");
    s = open_session(e, FANFARE_PROFILE_MODERN);
    OK(fanfare_stream_open(e, s, FANFARE_STREAM_LISTEN, &stream));
    more = stream;
    FAILS(FANFARE_E_LIMIT, "session.max_streams allows 2",
          fanfare_stream_open(e, s, FANFARE_STREAM_LISTEN, &more));
    CHECK(more == stream);
    OK(fanfare_stream_close(e, stream));
    OK(fanfare_stream_open(e, s, FANFARE_STREAM_LISTEN, &stream));
    OK(fanfare_engine_free(e));
}

static void subscriptions(void) {
    static const char filter[] = "{\"toolsListChanged\":true}";
    fanfare_engine *e = with("session.max_subscriptions", "1");
    fanfare_session open = open_session(e, FANFARE_PROFILE_OPEN);
    fanfare_session modern = open_session(e, FANFARE_PROFILE_MODERN);
    fanfare_subscription sub = 0, more = 77;
    OK(fanfare_subscribe(e, open, "a:", 2));
    OK(fanfare_subscribe(e, open, "a:", 2));
    FAILS(FANFARE_E_LIMIT, "session.max_subscriptions allows 1", fanfare_subscribe(e, open, "b:", 2));
    OK(fanfare_listen(e, modern, 0, "1", 1, filter, sizeof filter - 1, &sub));
    FAILS(FANFARE_E_LIMIT, "session.max_subscriptions allows 1",
          fanfare_listen(e, modern, 0, "2", 1, filter, sizeof filter - 1, &more));
    CHECK(more == 77 && counters(e).subscriptions == 2 && counters(e).limited == 2);
    /* The first ones are as they were, and one that ends makes room. */
    CHECK(count(read_all(e, modern), "acknowledged") == 1);
    OK(fanfare_subscription_end(e, sub, FANFARE_END_CANCELLED));
    OK(fanfare_listen(e, modern, 0, "2", 1, filter, sizeof filter - 1, &more));
    FAILS(FANFARE_E_LIMIT, "session.max_subscriptions allows 1", fanfare_subscribe_template(e, open, "b{x}", 4));
    OK(fanfare_unsubscribe(e, open, "a:", 2));
    OK(fanfare_subscribe_template(e, open, "b{x}", 4));
    OK(fanfare_subscribe_template(e, open, "b{x}", 4));
    FAILS(FANFARE_E_INVALID_ARGUMENT, "at byte 2", fanfare_subscribe_template(e, open, "b{?x}", 5));
    size_t would_hear = 0;
    OK(fanfare_subscriber_count(e, "b1", 2, &would_hear));
    CHECK(would_hear == 1);
    OK(fanfare_unsubscribe_template(e, open, "b{x}", 4));
    STATUS(FANFARE_E_GONE, fanfare_unsubscribe_template(e, open, "b{x}", 4));
    OK(fanfare_subscribe(e, open, "b:", 2));
    OK(fanfare_engine_free(e));
}

/* What a client sends is answered, and the host's call is fine. */
static void messages(void) {
    static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}";
    static const char more[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\"}";
    static const char deep[] = "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\",\"params\":{\"a\":"
                               "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}}";
    static const char lists[] = "{\"resourceSubscriptions\":[\"a:\",\"b:\"]}";
    static const char *const data = "\"data\":{\"reason\":\"limit\",\"limit\":";
    char uri[128];
    fanfare_engine *e = with("session.max_requests", "1");
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN);
    fanfare_subscription sub = 77;
    const char *text;
    CHECK(receive(e, s, call) == FANFARE_PASS && receive(e, s, more) == FANFARE_HANDLED);
    text = read_all(e, s);
    CHECK(strstr(text, "session.max_requests allows 1") != NULL && strstr(text, data) != NULL);
    OK(fanfare_engine_free(e));

    e = with("message.max_depth", "16");
    s = open_session(e, FANFARE_PROFILE_OPEN);
    CHECK(receive(e, s, deep) == FANFARE_HANDLED && counters(e).limited == 1);
    text = read_all(e, s);
    CHECK(strstr(text, "message.max_depth allows 16") != NULL && strstr(text, data) != NULL);
    OK(fanfare_engine_free(e));

    e = with("filter.max_uris", "1");
    s = open_session(e, FANFARE_PROFILE_MODERN);
    FAILS(FANFARE_E_LIMIT, "filter.max_uris allows 1",
          fanfare_listen(e, s, 0, "1", 1, lists, sizeof lists - 1, &sub));
    CHECK(sub == 77 && counters(e).subscriptions == 0);
    OK(fanfare_engine_free(e));

    e = with("uri.max_bytes", "64");
    s = open_session(e, FANFARE_PROFILE_OPEN);
    memset(uri, 'x', sizeof uri);
    OK(fanfare_subscribe(e, s, uri, 64));
    FAILS(FANFARE_E_LIMIT, "uri.max_bytes allows 64", fanfare_subscribe(e, s, uri, 65));
    FAILS(FANFARE_E_LIMIT, "uri.max_bytes allows 64",
          fanfare_notify_resource_updated(e, uri, 65, NULL, NULL));
    CHECK(read_all(e, s)[0] == '\0');
    OK(fanfare_engine_free(e));
}

int main(void) {
    sessions_and_streams();
    subscriptions();
    messages();
    return 0;
}
