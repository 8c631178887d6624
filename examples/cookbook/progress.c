/* Long work: progress that is throttled, its completion, its cancellation, and a task.
 *
 *     cc progress.c -lfanfare && ./a.out
 *
 * Clients of both eras call a tool that takes a while. The worker raises progress as often as it
 * likes; what each client hears is bounded by the option progress.min_interval_ms, and the result
 * always comes last. */
#include "client.h"

#define STEPS 6

#define TASK                                                  \
    "\"taskId\":\"t-1\",\"createdAt\":\"2026-07-28T12:00:00Z\"," \
    "\"lastUpdatedAt\":\"2026-07-28T12:00:00Z\",\"ttlMs\":null,\"status\":"

/* readme: job */
/* One call of the tool, as its worker sees it. Id and token are JSON text, as the call gave them:
 * take them from the message with the JSON parser that you have. */
typedef struct {
    fanfare_engine *engine;
    fanfare_session session;
    const char *id, *token;
    int done, is_cancelled;
} job;

/* Some of the work; returns whether there is more. */
static int step(job *it) {
    fanfare_raise to = to_session(it->session);
    if (it->is_cancelled) return 0;
    must(fanfare_notify_progress(it->engine, it->token, strlen(it->token), ++it->done, STEPS, NULL,
                                 0, &to, NULL));
    return it->done < STEPS;
}

static fanfare_status answer(const job *it) {
    char result[256];
    int len = snprintf(result, sizeof result,
                       "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":"
                       "[{\"type\":\"text\",\"text\":\"indexed\"}]}}",
                       it->id);
    return fanfare_send(it->engine, it->session, 0, result, (size_t)len);
}
/* readme: end */

static void tell_of_task(fanfare_engine *engine, const char *rest) {
    char task[512];
    int len = snprintf(task, sizeof task, "{" TASK "%s}", rest);
    must(fanfare_notify_task(engine, task, (size_t)len, NULL, NULL));
}

int main(void) {
    static const char created[] =
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"resultType\":\"task\"," TASK "\"working\"}}";
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *engine = NULL;
    uint64_t next_ms = 0;
    must(fanfare_config_set(config, "clock", "manual"));
    must(fanfare_config_set(config, "progress.min_interval_ms", "100"));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);
    fanfare_session legacy = open_client(engine, FANFARE_PROFILE_LEGACY);
    fanfare_session modern = open_client(engine, FANFARE_PROFILE_MODERN);

    /* readme: run */
    job jobs[2];
    size_t count = 0, n;
    if (says(engine, legacy,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
             "\"name\":\"index\",\"_meta\":{\"progressToken\":\"job\"}}}"))
        jobs[count++] = (job){engine, legacy, "1", "\"job\"", 0, 0};
    if (says(engine, modern,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
             "\"name\":\"index\",\"_meta\":{\"progressToken\":7," MODERN_META "}}}"))
        jobs[count++] = (job){engine, modern, "1", "7", 0, 0};
    for (unsigned now = 0; now < STEPS * 40; now += 40) {
        must(fanfare_engine_advance(engine, now, &next_ms));
        for (n = 0; n < count; n++) step(&jobs[n]);
        printf("# %u ms: step %u of %d\n", now, now / 40 + 1, STEPS);
        hears(engine, "legacy", legacy);
        hears(engine, "modern", modern);
    }
    puts("# done");
    for (n = 0; n < count; n++) must(answer(&jobs[n]));
    hears(engine, "legacy", legacy);
    hears(engine, "modern", modern);
    /* readme: end */

    /* readme: cancel */
    puts("# the legacy client calls again, and changes its mind");
    must(fanfare_engine_advance(engine, 1000, &next_ms));
    says(engine, legacy,
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{"
         "\"name\":\"index\",\"_meta\":{\"progressToken\":\"again\"}}}");
    job again = {engine, legacy, "2", "\"again\"", 0, 0};
    step(&again);
    hears(engine, "legacy", legacy);
    step(&again); /* Held back, as it comes too soon, and then withdrawn. */
    if (says(engine, legacy,
             "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
             "\"params\":{\"requestId\":2}}"))
        again.is_cancelled = 1;
    while (step(&again)) continue;
    printf("# stopped after step %d\n", again.done);
    if (answer(&again) == FANFARE_E_STATE) print_why("");
    must(fanfare_engine_advance(engine, 2000, &next_ms));
    hears(engine, "legacy", legacy);
    /* readme: end */

    /* readme: task */
    puts("# the modern client's call becomes a task");
    says(engine, modern,
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{"
         "\"name\":\"index\",\"_meta\":{" MODERN_META "}}}");
    must(fanfare_send(engine, modern, 0, created, strlen(created)));
    says(engine, modern,
         "{\"jsonrpc\":\"2.0\",\"id\":\"task\",\"method\":\"subscriptions/listen\",\"params\":{"
         "\"_meta\":{" MODERN_META "},\"notifications\":{\"taskIds\":[\"t-1\"]}}}");
    hears(engine, "modern", modern);
    /* While the client reads nothing. */
    tell_of_task(engine, "\"working\",\"statusMessage\":\"step 1 of 3\"");
    tell_of_task(engine, "\"working\",\"statusMessage\":\"step 2 of 3\"");
    tell_of_task(engine, "\"working\",\"statusMessage\":\"step 3 of 3\"");
    hears(engine, "modern", modern);
    tell_of_task(engine, "\"completed\",\"result\":{\"content\":[]}");
    hears(engine, "modern", modern);
    /* readme: end */
    must(fanfare_engine_free(engine));
    return 0;
}
