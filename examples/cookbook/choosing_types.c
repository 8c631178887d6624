/* Which type to raise for what: what is left of each for a client that was slow.
 *
 *     cc choosing_types.c -lfanfare && ./a.out
 *
 * Everything is raised three times. The quick client reads after each raising, the slow one when
 * the third is over; it has room for two events, and chose to lose the oldest. */
#include "client.h"

/* readme: kinds */
/* It changed, read it again: a notice for that resource. */
static void one_resource(fanfare_engine *engine, int n) {
    (void)n;
    must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, NULL));
}

/* What there is changed: a notice for the list. */
static void the_list(fanfare_engine *engine, int n) {
    (void)n;
    must(fanfare_notify_tool_list_changed(engine, NULL, NULL));
}

/* The newest is all that counts: progress. */
static void how_far(fanfare_engine *engine, int n) {
    must(fanfare_notify_progress(engine, "\"quick\"", 7, n, 3, NULL, 0, NULL, NULL));
    must(fanfare_notify_progress(engine, "\"slow\"", 6, n, 3, NULL, 0, NULL, NULL));
}

/* The state of long work that outlives its request: each one told. */
static void a_task(fanfare_engine *engine, int n) {
    char task[256];
    int len = snprintf(task, sizeof task,
                       "{\"taskId\":\"t-1\",\"createdAt\":\"2025-11-25T12:00:00Z\","
                       "\"lastUpdatedAt\":\"2025-11-25T12:00:00Z\",\"ttl\":null,"
                       "\"status\":\"working\",\"statusMessage\":\"step %d of 3\"}",
                       n);
    must(fanfare_notify_task_status(engine, task, (size_t)len, NULL, NULL));
}

/* Each one counts: a message, which is an event. */
static void something_wrong(fanfare_engine *engine, int n) {
    char data[64];
    int len = snprintf(data, sizeof data, "{\"failures\":%d}", n);
    must(fanfare_notify_alert(engine, FANFARE_LEVEL_ERROR, "build", 5, data, (size_t)len, NULL,
                              NULL));
}

/* Each one counts, and MCP has no word for it: an event of your own. */
static void your_own(fanfare_engine *engine, int n) {
    static const char method[] = "notifications/build/done";
    char params[64];
    int len = snprintf(params, sizeof params, "{\"build\":%d}", n);
    must(fanfare_notify(engine, method, strlen(method), params, (size_t)len, NULL, NULL));
}
/* readme: end */

static uint64_t dropped(fanfare_engine *engine, fanfare_session session) {
    fanfare_session_counters counters;
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    must(fanfare_session_stats(engine, session, &counters));
    return counters.dropped;
}

static void subscribe(fanfare_engine *engine, fanfare_session session, const char *call) {
    says(engine, session,
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
         "\"params\":{\"uri\":\"" NOTE "\"}}");
    says(engine, session, call);
}

int main(void) {
    static const struct {
        const char *title;
        void (*raise)(fanfare_engine *, int);
    } kinds[] = {{"one resource", one_resource}, {"the list", the_list},
                 {"how far", how_far},           {"a task", a_task},
                 {"something wrong", something_wrong}, {"your own", your_own}};
    fanfare_engine *engine = NULL;
    must(fanfare_engine_new(NULL, &engine));
    fanfare_session quick = open_client(engine, FANFARE_PROFILE_LEGACY);
    fanfare_session_params params = params_of(FANFARE_PROFILE_LEGACY);
    params.max_queued_frames = 2;
    params.overflow = FANFARE_OVERFLOW_DROP_OLDEST;
    fanfare_session slow = open_session(engine, &params);
    /* Each client chooses its own tokens; here they can be told apart. */
    subscribe(engine, quick,
              "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{"
              "\"name\":\"index\",\"_meta\":{\"progressToken\":\"quick\"}}}");
    subscribe(engine, slow,
              "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{"
              "\"name\":\"index\",\"_meta\":{\"progressToken\":\"slow\"}}}");
    hears(engine, "quick", quick);
    hears(engine, "slow", slow);

    /* readme: slow */
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        const char *title = kinds[kind].title;
        int heard = 0, late;
        uint64_t lost_before = dropped(engine, slow);
        printf("# %s, three times\n", title);
        for (int n = 1; n <= 3; n++) {
            kinds[kind].raise(engine, n);
            heard += hears(engine, "quick", quick);
        }
        late = hears(engine, "slow", slow);
        printf("# %s: quick heard %d, slow %d and lost %d\n", title, heard, late,
               (int)(dropped(engine, slow) - lost_before));
    }
    /* readme: end */
    must(fanfare_engine_free(engine));
    return 0;
}
