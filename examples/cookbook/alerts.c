/* Something is wrong: who is told, from which level on, and why no alert is merged away.
 *
 *     cc alerts.c -lfanfare && ./a.out
 *
 * Alerts are notifications/message. Legacy clients hear of them from the level that they set with
 * logging/setLevel, modern ones within a request that asked for a level, open sessions if they want
 * the type. */
#include "client.h"

/* A request in flight that asked for log messages: whose, and the JSON text of its id. */
typedef struct {
    fanfare_session session;
    const char *id;
} call;

/* readme: alarm */
/* Tells everyone who may be told at any time, and each call that asked for it. */
static void alarm_all(fanfare_engine *engine, uint32_t level, const char *data, const call *calls,
                      size_t count) {
    size_t reached = 0;
    must(fanfare_notify_alert(engine, level, "disk", 4, data, strlen(data), NULL, &reached));
    for (size_t n = 0; n < count; n++) {
        fanfare_raise to = to_session(calls[n].session);
        size_t more = 0;
        to.target = FANFARE_TARGET_REQUEST;
        to.request.ptr = calls[n].id;
        to.request.len = strlen(calls[n].id);
        must(fanfare_notify_alert(engine, level, "disk", 4, data, strlen(data), &to, &more));
        reached += more;
    }
    printf("# reached %zu\n", reached);
}
/* readme: end */

static void ends(void *ctx, fanfare_session session, uint32_t reason, void *user_data) {
    (void)ctx;
    (void)session;
    if (reason == FANFARE_END_LAGGED) printf("# %s: ended, lagged\n", (const char *)user_data);
}

int main(void) {
    static const char *const free_space[] = {"{\"free\":\"3%\"}", "{\"free\":\"2%\"}",
                                             "{\"free\":\"1%\"}"};
    static const char *const numbers[] = {"1", "2", "3"};
    static char stalled_name[] = "stalled";
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *engine = NULL;
    must(fanfare_config_set_session_end(config, ends, NULL, NULL));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);

    /* readme: levels */
    fanfare_session legacy = open_client(engine, FANFARE_PROFILE_LEGACY);
    says(engine, legacy,
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\","
         "\"params\":{\"level\":\"error\"}}");
    says(engine, legacy,
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/subscribe\","
         "\"params\":{\"uri\":\"" NOTE "\"}}");

    fanfare_session modern = open_client(engine, FANFARE_PROFILE_MODERN);
    says(engine, modern,
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"index\","
         "\"_meta\":{" MODERN_META ",\"io.modelcontextprotocol/logLevel\":\"warning\"}}}");
    const call calls[] = {{modern, "1"}};

    fanfare_session inside = open_client(engine, FANFARE_PROFILE_OPEN);
    says(engine, inside,
         "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscribe\","
         "\"params\":{\"types\":[\"message\",\"disk/full\"]}}");
    /* readme: end */
    hears(engine, "legacy", legacy);

    puts("# little room is left, and then nearly none");
    alarm_all(engine, FANFARE_LEVEL_WARNING, "{\"free\":\"10%\"}", calls, 1);
    alarm_all(engine, FANFARE_LEVEL_CRITICAL, "{\"free\":\"1%\"}", calls, 1);
    hears(engine, "legacy", legacy);
    hears(engine, "modern", modern);
    hears(engine, "inside", inside);

    /* readme: merge */
    puts("# alerts and writes, while nobody reads");
    for (int n = 0; n < 3; n++) {
        alarm_all(engine, FANFARE_LEVEL_ALERT, free_space[n], calls, 1);
        must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, NULL));
    }
    hears(engine, "legacy", legacy);
    hears(engine, "modern", modern);
    hears(engine, "inside", inside);
    /* readme: end */

    /* readme: custom */
    puts("# a type of our own, for those inside");
    static const char method[] = "notifications/disk/full", disk[] = "{\"disk\":\"/dev/sda1\"}";
    fanfare_raise to_inside = to_session(inside);
    must(fanfare_notify(engine, method, strlen(method), disk, strlen(disk), &to_inside, NULL));
    hears(engine, "inside", inside);
    /* readme: end */

    if (fanfare_notify_alert(engine, FANFARE_LEVEL_INFO, NULL, 0, "\"all is well\"", 13, NULL,
                             NULL) == FANFARE_E_INVALID_ARGUMENT)
        print_why("");

    /* readme: bound */
    puts("# one that never reads, and has room for two");
    fanfare_session_params room_for_two = params_of(FANFARE_PROFILE_LEGACY);
    room_for_two.max_queued_frames = 2;
    room_for_two.user_data = stalled_name;
    fanfare_raise to_stalled = to_session(open_session(engine, &room_for_two));
    for (int n = 0; n < 3; n++)
        must(fanfare_notify_alert(engine, FANFARE_LEVEL_ALERT, "disk", 4, numbers[n], 1,
                                  &to_stalled, NULL));
    /* readme: end */
    must(fanfare_engine_free(engine));
    return 0;
}
