/* Clients that do not keep up: what the host hears of it, and what the client does then.
 *
 *     cc lag.c -lfanfare && ./a.out
 *
 * Two clients do not read while builds finish, one event each. One drops what is too old, the other
 * is ended, comes back, and reads how things are now. */
#include "scene.h"

/* readme: hooks */
/* Told with the first event that is dropped, and not again before the client has caught up. */
static void on_lag(void *ctx, const fanfare_lag *lag) {
    (void)ctx;
    printf("%s lags: %llu frames wait, and %s\n", (const char *)lag->user_data,
           (unsigned long long)lag->queued_frames,
           lag->policy == FANFARE_OVERFLOW_CLOSE ? "its session ends" : "events are dropped");
}

/* Told once of each session that is over; its handle is stale by now. What is left to do is to close
 * the connection, which user_data leads to. */
static void on_end(void *ctx, fanfare_session session, uint32_t reason, void *user_data) {
    (void)ctx;
    (void)session;
    printf("%s is over%s\n", (const char *)user_data, reason == FANFARE_END_LAGGED ? ": lagged" : "");
}
/* readme: end */

static const char LATEST[] = "build://latest";

static fanfare_session open_bounded(fanfare_engine *engine, char *name, uint32_t overflow) {
    fanfare_session_params params;
    fanfare_session session = 0;
    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.profile = FANFARE_PROFILE_LEGACY;
    params.overflow = overflow;
    params.max_queued_frames = 2;
    params.user_data = name;
    must(fanfare_session_open(engine, &params, &session));
    must(fanfare_subscribe(engine, session, LATEST, strlen(LATEST)));
    return session;
}

static void build_is_done(fanfare_engine *engine, int number) {
    static const char method[] = "notifications/build/done";
    char params[32];
    int len = snprintf(params, sizeof params, "{\"number\":%d}", number);
    must(fanfare_notify(engine, method, strlen(method), params, (size_t)len, NULL, NULL));
}

static void print_what_waits(fanfare_engine *engine, fanfare_session session, const char *name) {
    char out[4096];
    size_t len = 0;
    while (fanfare_read(engine, session, out, sizeof out, &len) == FANFARE_OK)
        printf("%s reads:\n%.*s", name, (int)len, out);
}

int main(void) {
    static char dropping[] = "dropping", closing[] = "closing", again[] = "closing, again";
    fanfare_session first, second;
    fanfare_session_counters counters;
    fanfare_engine *engine = NULL;
    int number;

    /* readme: set */
    fanfare_config *config = fanfare_config_new();
    must(fanfare_config_set_lag(config, on_lag, NULL, NULL));
    must(fanfare_config_set_session_end(config, on_end, NULL, NULL));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);
    /* readme: end */

    first = open_bounded(engine, dropping, FANFARE_OVERFLOW_DROP_OLDEST);
    second = open_bounded(engine, closing, FANFARE_OVERFLOW_CLOSE);
    for (number = 1; number <= 4; number++) {
        build_is_done(engine, number);
        /* A change has a place of its own: it waits once, however often it comes. */
        must(fanfare_notify_resource_updated(engine, LATEST, strlen(LATEST), NULL, NULL));
    }

    print_what_waits(engine, first, dropping);
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    must(fanfare_session_stats(engine, first, &counters));
    printf("%s lost %llu\n", dropping, (unsigned long long)counters.dropped);

    /* The other one is gone, and comes back as a new session; what it missed it reads. */
    if (fanfare_session_resume(engine, second) != FANFARE_E_GONE) return 1;
    second = open_bounded(engine, again, FANFARE_OVERFLOW_CLOSE);
    build_is_done(engine, 5);
    print_what_waits(engine, second, again);
    must(fanfare_engine_free(engine));
    return 0;
}
