/* Callbacks on the host's own thread: the engine calls for each frame, inside fanfare_dispatch().
 *
 *     cc dispatch.c -lfanfare && ./a.out
 *
 * Each client has a context that the engine gives back when the client is gone. The legacy one's
 * socket is full for a while: it says "not now", loses nothing, and holds up nobody. */
#include "scene.h"

typedef struct {
    const char *name;
    int full; /* Whether its socket takes nothing at the moment. */
} client;

static client *new_client(const char *name) {
    client *c = (client *)malloc(sizeof *c);
    if (c == NULL) abort();
    c->name = name;
    c->full = 0;
    return c;
}

/* readme: callback */
/* Called for each frame of a session, in order, and never twice at once. */
static int32_t write_frame(void *ctx, const fanfare_frame *frame) {
    client *c = (client *)ctx;
    if (c->full) {
        printf("%s is full\n", c->name);
        return FANFARE_VERDICT_NOT_NOW;
    }
    printf("%s <- %.*s", c->name, (int)frame->data.len, frame->data.ptr);
    return FANFARE_VERDICT_ACCEPTED;
}

/* Called once, when no call for this client is running and none will follow. */
static void drop_client(void *ctx) {
    printf("%s is gone\n", ((client *)ctx)->name);
    free(ctx);
}
/* readme: end */

/* Lets the callbacks run until nothing is left to do. */
static void deliver(fanfare_engine *engine) {
    size_t n = 0;
    fanfare_status status;
    do {
        status = fanfare_dispatch(engine, 100, &n);
        must(status);
    } while (status == FANFARE_OK);
}

int main(void) {
    fanfare_engine *engine = NULL;
    client *slow = new_client("legacy");
    int step = 0;
    must(fanfare_engine_new(NULL, &engine));

    fanfare_session legacy = open_client(engine, FANFARE_PROFILE_LEGACY, NULL);
    fanfare_session modern = open_client(engine, FANFARE_PROFILE_MODERN, NULL);
    must(fanfare_session_on_frame(engine, legacy, write_frame, slow, drop_client));
    must(fanfare_session_on_frame(engine, modern, write_frame, new_client("modern"), drop_client));
    came_in(engine, legacy, LEGACY_SUBSCRIBES);
    came_in(engine, modern, MODERN_LISTENS);
    came_in(engine, modern, MODERN_CALLS);

    do {
        slow->full = step >= 1 && step <= 3;
        if (step == 4) { /* Its socket can be written to again. */
            slow->full = 0;
            must(fanfare_session_resume(engine, legacy));
        }
        deliver(engine);
    } while (step < 5 && work(engine, legacy, modern, step++));

    /* The contexts go with their sessions, so nobody may look at them any more. */
    must(fanfare_session_end(engine, legacy, FANFARE_END_SHUTDOWN));
    must(fanfare_session_end(engine, modern, FANFARE_END_SHUTDOWN));
    deliver(engine);
    must(fanfare_engine_free(engine));
    return 0;
}
