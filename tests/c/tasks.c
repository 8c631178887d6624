/* Tasks of both revisions that have them, and elicitations, said in C. */
#include "check.h"

#define TIMES "\"createdAt\":\"2026-08-01T00:00:00Z\",\"lastUpdatedAt\":\"2026-08-01T00:00:01Z\""
#define CORE(id, status) "{\"taskId\":\"" id "\",\"status\":\"" status "\"," TIMES ",\"ttl\":null}"
#define TASK(id, status) "{\"taskId\":\"" id "\",\"status\":\"" status "\"," TIMES ",\"ttlMs\":null}"

typedef fanfare_status (*notify_fn)(fanfare_engine *, const char *, size_t, const fanfare_raise *,
                                    size_t *);

static size_t notify(notify_fn function, fanfare_engine *e, const char *params) {
    size_t matched = 77;
    OK(function(e, params, strlen(params), NULL, &matched));
    return matched;
}

static fanfare_status tell(notify_fn function, fanfare_engine *e, const char *params) {
    return function(e, params, strlen(params), NULL, NULL);
}

static void send_text(fanfare_engine *e, fanfare_session s, const char *text) {
    OK(fanfare_send(e, s, 0, text, strlen(text)));
}

static const char *listening(int declares) {
    return declares
        ? "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscriptions/listen\",\"params\":{\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
          "\"io.modelcontextprotocol/clientCapabilities\":{\"extensions\":"
          "{\"io.modelcontextprotocol/tasks\":{}}}},\"notifications\":{\"taskIds\":[\"t\"]}}}"
        : "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"subscriptions/listen\",\"params\":{\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
          "\"io.modelcontextprotocol/clientCapabilities\":{}},"
          "\"notifications\":{\"taskIds\":[\"t\"]}}}";
}

static void of_the_extension(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_MODERN);
    static const char done[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tasks\",\"params\":{\"_meta\":{"
        "\"io.modelcontextprotocol/subscriptionId\":7},\"taskId\":\"t\",\"status\":\"cancelled\","
        TIMES ",\"ttlMs\":null}}\n";
    CHECK(receive(e, s, listening(0)) == FANFARE_HANDLED);
    CHECK(count(read_all(e, s), "\"code\":-32021") == 1);
    CHECK(receive(e, s, listening(1)) == FANFARE_HANDLED);
    CHECK(count(read_all(e, s), "\"notifications\":{\"taskIds\":[\"t\"]}") == 1);
    CHECK(notify(fanfare_notify_task, e, TASK("u", "working")) == 0);
    CHECK(notify(fanfare_notify_task, e, TASK("t", "working")) == 1);
    CHECK(notify(fanfare_notify_task, e, TASK("t", "cancelled")) == 1);
    CHECK(strcmp(read_all(e, s), done) == 0);
    FAILS(FANFARE_E_STATE, "task \"t\" is cancelled",
          tell(fanfare_notify_task, e, TASK("t", "working")));
    FAILS(FANFARE_E_JSON, "params.status", tell(fanfare_notify_task, e, TASK("t", "done")));
    FAILS(FANFARE_E_JSON, "params.taskId", tell(fanfare_notify_task, e, "{}"));
    OK(fanfare_engine_free(e));
}

static void of_the_core(void) {
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *e = NULL;
    fanfare_session s, other;
    size_t matched = 77;
    const char *got;
    OK(fanfare_config_set(config, "tasks.max_known", "2"));
    OK(fanfare_engine_new(config, &e));
    fanfare_config_free(config);
    s = open_session(e, FANFARE_PROFILE_LEGACY);
    other = open_session(e, FANFARE_PROFILE_LEGACY);
    CHECK(receive(e, s,
                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
                  "{\"_meta\":{\"progressToken\":\"p\"}}}") == FANFARE_PASS);
    send_text(e, s, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"task\":" CORE("t", "working") "}}");
    OK(fanfare_notify_progress(e, "\"p\"", 3, 1.0, 2.0, NULL, 0, NULL, &matched));
    CHECK(matched == 1);
    CHECK(notify(fanfare_notify_task_status, e, CORE("t", "completed")) == 1);
    OK(fanfare_notify_progress(e, "\"p\"", 3, 2.0, 2.0, NULL, 0, NULL, &matched));
    CHECK(matched == 0);
    got = read_all(e, s);
    CHECK(count(got, "notifications/progress") == 1);
    CHECK(count(got, "\"io.modelcontextprotocol/related-task\":{\"taskId\":\"t\"}") == 1);
    CHECK(count(got, "notifications/tasks/status") == 1);
    CHECK(count(read_all(e, other), "task") == 0);
    FAILS(FANFARE_E_STATE, "task \"t\" is completed",
          tell(fanfare_notify_task_status, e, CORE("t", "completed")));
    /* In the extension it is another task. */
    CHECK(notify(fanfare_notify_task, e, TASK("t", "working")) == 0);
    /* The third task takes the place of the one that is over, of which nothing is known then. */
    CHECK(notify(fanfare_notify_task_status, e, CORE("u", "working")) == 2);
    CHECK(notify(fanfare_notify_task_status, e, CORE("t", "working")) == 2);
    OK(fanfare_engine_free(e));
}

static void elicitations(void) {
    static const char method[] = "notifications/elicitation/complete";
    static const char params[] = "{\"elicitationId\":\"e\"}";
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_LEGACY);
    fanfare_raise raise;
    size_t matched = 77;
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
    raise.target = FANFARE_TARGET_SESSION;
    raise.session = s;
    FAILS(FANFARE_E_STATE, "\"e\"",
          fanfare_notify(e, method, sizeof method - 1, params, sizeof params - 1, &raise, NULL));
    send_text(e, s,
              "{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"elicitation/create\",\"params\":"
              "{\"mode\":\"url\",\"elicitationId\":\"e\",\"url\":\"u:\",\"message\":\"m\"}}");
    OK(fanfare_notify(e, method, sizeof method - 1, params, sizeof params - 1, NULL, &matched));
    CHECK(matched == 1);
    CHECK(count(read_all(e, s), method) == 1);
    STATUS(FANFARE_E_STATE,
           fanfare_notify(e, method, sizeof method - 1, params, sizeof params - 1, &raise, NULL));
    OK(fanfare_engine_free(e));
}

int main(void) {
    of_the_extension();
    of_the_core();
    elicitations();
    return 0;
}
