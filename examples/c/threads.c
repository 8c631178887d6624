/* Callbacks on threads of the engine's: the host raises, and the rest happens by itself.
 *
 *     cc threads.c -lfanfare -pthread && ./a.out
 *
 * For one session the calls never overlap, so a client's own state needs no lock. What two
 * sessions share does: here, how many of them are over. */
#include <pthread.h>

#include "scene.h"

typedef struct {
    const char *name;
    char heard[8192]; /* Only its own callback writes here. */
    size_t len;
} client;

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int over;
} tally;

static int32_t keep_frame(void *ctx, const fanfare_frame *frame) {
    client *c = (client *)ctx;
    int n = snprintf(c->heard + c->len, sizeof c->heard - c->len, "%s <- %.*s", c->name,
                     (int)frame->data.len, frame->data.ptr);
    if (n < 0 || (size_t)n >= sizeof c->heard - c->len) return FANFARE_VERDICT_GONE;
    c->len += (size_t)n;
    return FANFARE_VERDICT_ACCEPTED;
}

/* Called once for each session, after its last frame. */
static void session_over(void *ctx, fanfare_session session, uint32_t reason, void *user_data) {
    tally *t = (tally *)ctx;
    (void)session;
    (void)reason;
    (void)user_data;
    pthread_mutex_lock(&t->lock);
    t->over++;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

int main(void) {
    static client clients[2];
    static tally all = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *engine = NULL;
    int step = 0;
    must(fanfare_config_set_session_end(config, session_over, &all, NULL));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);
    must(fanfare_dispatcher_start(engine, 2));

    clients[0].name = "legacy";
    clients[1].name = "modern";
    fanfare_session legacy = open_client(engine, FANFARE_PROFILE_LEGACY, NULL);
    fanfare_session modern = open_client(engine, FANFARE_PROFILE_MODERN, NULL);
    must(fanfare_session_on_frame(engine, legacy, keep_frame, &clients[0], NULL));
    must(fanfare_session_on_frame(engine, modern, keep_frame, &clients[1], NULL));
    came_in(engine, legacy, LEGACY_SUBSCRIBES);
    came_in(engine, modern, MODERN_LISTENS);
    came_in(engine, modern, MODERN_CALLS);
    while (work(engine, legacy, modern, step)) step++;

    pthread_mutex_lock(&all.lock);
    while (all.over < 2) pthread_cond_wait(&all.changed, &all.lock);
    pthread_mutex_unlock(&all.lock);
    /* When this has returned, no callback is running and none will start. */
    must(fanfare_engine_free(engine));
    fputs(clients[0].heard, stdout);
    fputs(clients[1].heard, stdout);
    return 0;
}
