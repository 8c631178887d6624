/* Clients that hang up, break, or stop reading, and what becomes of what was queued for them.
 *
 *     cc clients_that_go_away.c -lfanfare && ./a.out
 *
 * Frames are taken by callbacks here. Each client has a context of its own, which goes with it. */
#include "client.h"

/* The server's end of a client's connection. */
typedef struct {
    const char *name;
    int is_full, is_broken;
} connection;

/* What a client's callback needs. It goes with the session. */
typedef struct {
    const connection *to;
} context;

/* readme: verdict */
/* Called for each frame of a session, in order, and never twice at once. */
static int32_t take(void *ctx, const fanfare_frame *frame) {
    const connection *to = ((context *)ctx)->to;
    if (to->is_broken) return FANFARE_VERDICT_GONE; /* The session is closed. */
    if (to->is_full) return FANFARE_VERDICT_NOT_NOW; /* All stays queued, until it is resumed. */
    printf("%s <- %.*s", to->name, (int)frame->data.len, frame->data.ptr);
    return FANFARE_VERDICT_ACCEPTED;
}

/* Called once, when no call for this client is running and none will follow. */
static void drop(void *ctx) {
    printf("# %s: its context is dropped\n", ((context *)ctx)->to->name);
    free(ctx);
}
/* readme: end */

/* readme: hooks */
/* Told with the first event that a client loses, and not with each. The connection is each
 * session's user_data. */
static void lags(void *ctx, const fanfare_lag *lag) {
    (void)ctx;
    printf("# %s: lags, %u are queued\n", ((const connection *)lag->user_data)->name,
           (unsigned)lag->queued_frames);
}

/* Told of each session that ended by anything but our own fanfare_session_close(). */
static void ends(void *ctx, fanfare_session session, uint32_t reason, void *user_data) {
    static const char *const reasons[] = {"graceful", "cancelled", "disconnected", "lagged",
                                          "limit",    "revoked",   "shutdown"};
    (void)ctx;
    (void)session;
    printf("# %s: ended, %s\n", ((const connection *)user_data)->name, reasons[reason]);
}
/* readme: end */

static fanfare_session open_to(fanfare_engine *engine, connection *to, uint32_t overflow) {
    fanfare_session_params params = params_of(FANFARE_PROFILE_LEGACY);
    context *ctx = (context *)malloc(sizeof *ctx);
    if (ctx == NULL) abort();
    ctx->to = to;
    params.user_data = to;
    params.overflow = overflow;
    params.max_queued_frames = 2;
    fanfare_session session = open_session(engine, &params);
    must(fanfare_session_on_frame(engine, session, take, ctx, drop));
    must(fanfare_subscribe(engine, session, NOTE, strlen(NOTE)));
    return session;
}

/* An event: it is merged with nothing. */
static void build(fanfare_engine *engine, int n) {
    static const char method[] = "notifications/build/done";
    char params[64];
    int len = snprintf(params, sizeof params, "{\"build\":%d}", n);
    must(fanfare_notify(engine, method, strlen(method), params, (size_t)len, NULL, NULL));
}

static void deliver(fanfare_engine *engine) {
    size_t n = 0;
    do {
        must(fanfare_dispatch(engine, 1024, &n));
    } while (n > 0);
}

static unsigned lost(fanfare_engine *engine, fanfare_session session) {
    fanfare_session_counters counters;
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    must(fanfare_session_stats(engine, session, &counters));
    return (unsigned)counters.dropped;
}

int main(void) {
    connection stays = {"stayer", 0, 0}, leaves = {"leaver", 0, 0}, breaks = {"broken", 0, 0};
    connection stalled[] = {{"oldest", 0, 0}, {"newest", 0, 0}, {"closed", 0, 0}};
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *engine = NULL;
    int n;
    must(fanfare_config_set_lag(config, lags, NULL, NULL));
    must(fanfare_config_set_session_end(config, ends, NULL, NULL));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);
    fanfare_session stayer = open_to(engine, &stays, FANFARE_OVERFLOW_DEFAULT);

    puts("# one hangs up while something is queued for it, one breaks");
    /* readme: hang-up */
    fanfare_session leaver = open_to(engine, &leaves, FANFARE_OVERFLOW_DEFAULT);
    open_to(engine, &breaks, FANFARE_OVERFLOW_DEFAULT);
    build(engine, 1);
    must(fanfare_session_close(engine, leaver)); /* We saw it hang up. */
    breaks.is_broken = 1;                        /* This we shall see when we write to it. */
    deliver(engine);
    if (fanfare_subscribe(engine, leaver, NOTE, strlen(NOTE)) == FANFARE_E_GONE)
        print_why("leaver: ");
    /* readme: end */

    puts("# three stop reading; each has room for two events");
    /* readme: stall */
    fanfare_session oldest = open_to(engine, &stalled[0], FANFARE_OVERFLOW_DROP_OLDEST);
    fanfare_session newest = open_to(engine, &stalled[1], FANFARE_OVERFLOW_DROP_NEWEST);
    open_to(engine, &stalled[2], FANFARE_OVERFLOW_CLOSE);
    for (n = 0; n < 3; n++) stalled[n].is_full = 1;
    for (n = 2; n < 6; n++) {
        /* Merged with the one that waits, so it needs no room. */
        must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, NULL));
        build(engine, n);
        deliver(engine);
    }

    puts("# they read again");
    for (n = 0; n < 3; n++) stalled[n].is_full = 0;
    must(fanfare_session_resume(engine, oldest)); /* The third is gone. */
    must(fanfare_session_resume(engine, newest));
    deliver(engine);
    printf("# lost: %u and %u\n", lost(engine, oldest), lost(engine, newest));
    /* readme: end */

    puts("# the server shuts down");
    /* readme: shutdown */
    must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, NULL));
    must(fanfare_session_end(engine, stayer, FANFARE_END_SHUTDOWN));
    must(fanfare_session_end(engine, oldest, FANFARE_END_SHUTDOWN));
    must(fanfare_session_end(engine, newest, FANFARE_END_SHUTDOWN));
    deliver(engine); /* What is queued goes out before. */
    must(fanfare_engine_free(engine));
    /* readme: end */
    return 0;
}
