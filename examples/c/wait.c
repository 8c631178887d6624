/* Pull, blocking: one thread raises, another sleeps until there is something to write.
 *
 *     cc wait.c -lfanfare -pthread && ./a.out
 *
 * For a host that has no event loop. */
#include <pthread.h>
#include <stdatomic.h>

#include "scene.h"

typedef struct {
    fanfare_engine *engine;
    atomic_int is_over;
} host;

/* readme: writer */
/* The writer: asleep while there is nothing to write. */
static void *write_all(void *of) {
    host *h = (host *)of;
    fanfare_batch *batch = fanfare_batch_new();
    size_t n = 0, i;
    int is_over;
    do {
        is_over = atomic_load(&h->is_over);
        /* With no room for sessions it only says whether there is output; fanfare_recv() takes it.
         * What is due by the clock is done meanwhile. */
        must(fanfare_engine_wait(h->engine, is_over ? 0 : -1, NULL, 0, &n));
        while (fanfare_recv(h->engine, 0, 64, batch) == FANFARE_OK) {
            const fanfare_frame *frames = fanfare_batch_frames(batch, &n);
            for (i = 0; i < n; i++) {
                void *name = NULL;
                /* A session may be over with its last frame: this one goes on. */
                must(fanfare_session_user_data(h->engine, frames[i].session, &name));
                printf("%s <- %.*s", (const char *)name, (int)frames[i].data.len,
                       frames[i].data.ptr);
            }
        }
    } while (!is_over);
    fanfare_batch_free(batch);
    return NULL;
}
/* readme: end */

int main(void) {
    static char name[] = "client";
    static host h;
    pthread_t writer;
    fanfare_session session;
    must(fanfare_engine_new(NULL, &h.engine));
    session = open_client(h.engine, FANFARE_PROFILE_LEGACY, name);
    if (pthread_create(&writer, NULL, write_all, &h) != 0) return 1;

    came_in(h.engine, session, LEGACY_SUBSCRIBES);
    must(fanfare_notify_resource_updated(h.engine, "doc://7", 7, NULL, NULL));

    /* readme: stop */
    /* Nothing may be called on an engine that is being freed: so the writer goes first. */
    atomic_store(&h.is_over, 1);
    must(fanfare_engine_wakeup(h.engine));
    pthread_join(writer, NULL);
    must(fanfare_engine_free(h.engine));
    /* readme: end */
    return 0;
}
