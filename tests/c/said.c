/* What a host can say, said in C: how a session is to be, to whom a notification goes and with
   which context, and which parts of a batch are its own. Each must arrive in the engine. */
#include "check.h"

static fanfare_raise raise_to(uint32_t target) {
    fanfare_raise raise;
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
    raise.target = target;
    return raise;
}

static fanfare_session open_for(fanfare_engine *e, const char *principal) {
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_session session = 0;
    params.principal = str(principal);
    OK(fanfare_session_open(e, &params, &session));
    return session;
}

/* Raises an event to a target; says which of the three heard of it. */
static const char *who_hears(fanfare_engine *e, const fanfare_session *all,
                             const fanfare_raise *raise) {
    static char heard[4];
    size_t matched = 77, n = 0, i;
    OK(fanfare_notify(e, "notifications/x", 15, NULL, 0, raise, &matched));
    memset(heard, 0, sizeof heard);
    for (i = 0; i < 3; i++)
        if (count(read_all(e, all[i]), "notifications/x") == 1) heard[n++] = (char)('a' + i);
    CHECK(matched == n);
    return heard;
}

static void targets(void) {
    fanfare_engine *e = new_engine();
    fanfare_session all[3];
    fanfare_raise raise = raise_to(FANFARE_TARGET_ALL);
    all[0] = open_for(e, "alice");
    all[1] = open_for(e, "bob");
    all[2] = open_for(e, "alice");
    CHECK(strcmp(who_hears(e, all, NULL), "abc") == 0);
    CHECK(strcmp(who_hears(e, all, &raise), "abc") == 0);
    raise = raise_to(FANFARE_TARGET_SESSION);
    raise.session = all[1];
    CHECK(strcmp(who_hears(e, all, &raise), "b") == 0);
    raise = raise_to(FANFARE_TARGET_EXCEPT);
    raise.session = all[0];
    CHECK(strcmp(who_hears(e, all, &raise), "bc") == 0);
    raise = raise_to(FANFARE_TARGET_PRINCIPAL);
    raise.principal = str("alice");
    CHECK(strcmp(who_hears(e, all, &raise), "ac") == 0);
    raise.principal = str("nobody");
    CHECK(strcmp(who_hears(e, all, &raise), "") == 0);
    OK(fanfare_engine_free(e));
}

static void a_request(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_MODERN);
    fanfare_raise raise = raise_to(FANFARE_TARGET_REQUEST);
    size_t matched = 77;
    static const char call[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"method\":\"tools/call\",\"params\":{\"name\":\"t\","
        "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
        "\"io.modelcontextprotocol/clientCapabilities\":{},"
        "\"io.modelcontextprotocol/logLevel\":\"error\"}}}";
    CHECK(receive(e, s, call) == FANFARE_PASS);
    raise.session = s;
    raise.request = str("\"r\"");
    OK(fanfare_notify_alert(e, FANFARE_LEVEL_WARNING, NULL, 0, "1", 1, &raise, &matched));
    CHECK(matched == 0); /* Below the level that it asked for. */
    OK(fanfare_notify_alert(e, FANFARE_LEVEL_EMERGENCY, NULL, 0, "1", 1, &raise, &matched));
    CHECK(matched == 1 && count(read_all(e, s), "\"level\":\"emergency\",\"data\":1") == 1);
    raise.request = str("\"another\"");
    OK(fanfare_notify_alert(e, FANFARE_LEVEL_EMERGENCY, NULL, 0, "1", 1, &raise, &matched));
    CHECK(matched == 0 && read_all(e, s)[0] == '\0');
    raise.request = str("{}");
    FAILS(FANFARE_E_INVALID_ARGUMENT, "request",
          fanfare_notify_alert(e, FANFARE_LEVEL_EMERGENCY, NULL, 0, "1", 1, &raise, &matched));
    OK(fanfare_engine_free(e));
}

static void contexts(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN);
    fanfare_raise raise = raise_to(FANFARE_TARGET_ALL);
    const char *text;
    raise.context = str("{\"size\":1}");
    OK(fanfare_notify_resource_updated(e, "doc://7", 7, &raise, NULL));
    raise.context = str("{\"size\":2}");
    OK(fanfare_notify_resource_updated(e, "doc://7", 7, &raise, NULL));
    text = read_all(e, s);
    CHECK(count(text, "\n") == 1 && count(text, "\"_meta\":{\"size\":2}") == 1);
    raise.context = str("{\"progressToken\":1}");
    FAILS(FANFARE_E_INVALID_ARGUMENT, "progressToken",
          fanfare_notify_resource_updated(e, "doc://7", 7, &raise, NULL));
    OK(fanfare_engine_free(e));
}

static void typed_notifications(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN);
    size_t n = 77;
    OK(fanfare_notify_tool_list_changed(e, NULL, &n));
    CHECK(n == 1);
    OK(fanfare_notify_prompt_list_changed(e, NULL, NULL));
    OK(fanfare_notify_resource_list_changed(e, NULL, NULL));
    OK(fanfare_notify_logging_message(e, FANFARE_LEVEL_NOTICE, "l", 1, "[1]", 3, NULL, NULL));
    OK(fanfare_notify_progress(e, "7", 1, 0.5, -1.0 / 3, "\xc3\xa4\"", 3, NULL, NULL));
    CHECK(strcmp(read_all(e, s),
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n"
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/prompts/list_changed\"}\n"
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/list_changed\"}\n"
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":"
                 "{\"level\":\"notice\",\"logger\":\"l\",\"data\":[1]}}\n"
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":"
                 "{\"progressToken\":7,\"progress\":0.5,\"total\":-0.3333333333333333,"
                 "\"message\":\"\xc3\xa4\\\"\"}}\n") == 0);
    OK(fanfare_notify_progress(e, "8", 1, 1, 0.0 / 0.0, NULL, 0, NULL, NULL));
    CHECK(strstr(read_all(e, s), "{\"progressToken\":8,\"progress\":1}}") != NULL);
    STATUS(FANFARE_E_INVALID_ARGUMENT,
           fanfare_notify_progress(e, "9", 1, 0.0 / 0.0, 1, NULL, 0, NULL, NULL));
    OK(fanfare_engine_free(e));
}

static void how_a_session_is(void) {
    fanfare_engine *e = new_engine();
    fanfare_session_params params = session_params(FANFARE_PROFILE_LEGACY);
    fanfare_session s = 0;
    uint32_t revision = 77;
    void *user_data = NULL;
    params.revision = FANFARE_REVISION_2024_11_05;
    params.framing = FANFARE_FRAMING_SSE;
    params.capabilities = str("{\"tools\":{\"listChanged\":true}}");
    params.user_data = &params;
    OK(fanfare_session_open(e, &params, &s));
    OK(fanfare_session_revision(e, s, &revision));
    OK(fanfare_session_user_data(e, s, &user_data));
    CHECK(revision == FANFARE_REVISION_2024_11_05 && user_data == &params);
    OK(fanfare_notify_prompt_list_changed(e, NULL, NULL));
    OK(fanfare_notify_tool_list_changed(e, NULL, NULL));
    CHECK(strcmp(read_all(e, s),
                 "event: message\ndata: {\"jsonrpc\":\"2.0\","
                 "\"method\":\"notifications/tools/list_changed\"}\n\n") == 0);

    /* With a handshake, nothing but its answer before it is over. */
    params = session_params(FANFARE_PROFILE_LEGACY);
    params.handshake = 1;
    OK(fanfare_session_open(e, &params, &s));
    OK(fanfare_notify_tool_list_changed(e, NULL, NULL));
    CHECK(read_all(e, s)[0] == '\0');
    OK(fanfare_session_revision(e, open_session(e, FANFARE_PROFILE_AUTO), &revision));
    CHECK(revision == 0);
    OK(fanfare_engine_free(e));
}

typedef struct {
    fanfare_engine *engine;
    char text[512];
    int calls;
} passed;

static void keep(void *ctx, const char *message, size_t len) {
    passed *p = (passed *)ctx;
    p->calls++;
    strncat(p->text, message, len);
    STATUS(FANFARE_E_REENTRANT, fanfare_engine_free(p->engine));
    OK(fanfare_notify_tool_list_changed(p->engine, NULL, NULL));
}

static void batches(void) {
    fanfare_engine *e = new_engine();
    fanfare_session_params params = session_params(FANFARE_PROFILE_LEGACY);
    fanfare_session s = 0;
    uint32_t disposition = 77;
    passed p;
    static const char mixed[] = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},"
                                "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}]";
    params.revision = FANFARE_REVISION_2025_03_26;
    OK(fanfare_session_open(e, &params, &s));
    FAILS(FANFARE_E_STATE, "batch",
          fanfare_receive(e, s, 0, mixed, strlen(mixed), &disposition));
    CHECK(disposition == 77 && read_all(e, s)[0] == '\0');
    memset(&p, 0, sizeof p);
    p.engine = e;
    OK(fanfare_receive_each(e, s, 0, mixed, strlen(mixed), keep, &p, &disposition));
    CHECK(disposition == FANFARE_PASS && p.calls == 1);
    CHECK(strcmp(p.text, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}") == 0);
    OK(fanfare_receive_each(e, s, 0, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}", 40, keep,
                            &p, &disposition));
    CHECK(disposition == FANFARE_HANDLED && p.calls == 1);
    OK(fanfare_receive_too_long(e, s, 0, &disposition));
    CHECK(disposition == FANFARE_HANDLED);
    OK(fanfare_engine_free(e));
}

static void ending(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_LEGACY);
    uint32_t disposition = 77;
    char buf[512];
    size_t len = 0;
    OK(fanfare_notify_tool_list_changed(e, NULL, NULL));
    OK(fanfare_session_end(e, s, FANFARE_END_SHUTDOWN));
    /* It can be drained, and nothing else. */
    FAILS(FANFARE_E_STATE, "ending", fanfare_session_end(e, s, FANFARE_END_SHUTDOWN));
    STATUS(FANFARE_E_STATE, fanfare_subscribe(e, s, "doc://7", 7));
    STATUS(FANFARE_E_STATE, fanfare_receive(e, s, 0, "{}", 2, &disposition));
    OK(fanfare_read(e, s, buf, sizeof buf, &len));
    STATUS(FANFARE_E_GONE, fanfare_read(e, s, buf, sizeof buf, &len));
    CHECK(disposition == 77);
    OK(fanfare_engine_free(e));
}

int main(void) {
    targets();
    a_request();
    contexts();
    typed_notifications();
    how_a_session_is();
    batches();
    ending();
    return 0;
}
