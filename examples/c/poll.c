/* Pull: an event loop of the host's own, with poll(2) on the engine's descriptor.
 *
 *     cc poll.c -lfanfare && ./a.out
 *
 * The descriptor is readable exactly while some session has output; it stands in the loop beside
 * the sockets of the server. Here the clients' ends are the screen, and the job is what there is
 * to do when no output waits. */
#include <poll.h>

#include "scene.h"

/* readme: deliver */
/* Everything that waits, to whom it belongs. */
static void deliver(fanfare_engine *engine) {
    fanfare_session ready[16];
    size_t n = 0, i, len = 0;
    char frames[4096];
    must(fanfare_engine_wait(engine, 0, ready, 16, &n));
    for (i = 0; i < n; i++) {
        void *name = NULL;
        must(fanfare_session_user_data(engine, ready[i], &name));
        /* As many whole frames as fit, as they go into the client's socket. The session may be
         * over with the last of them. */
        while (fanfare_read(engine, ready[i], frames, sizeof frames, &len) == FANFARE_OK) {
            const char *line = frames, *end = frames + len;
            while (line < end) {
                const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
                printf("%s <- %.*s", (const char *)name, (int)(next - line), line);
                line = next;
            }
        }
    }
}
/* readme: end */

int main(void) {
    static char legacy_name[] = "legacy", modern_name[] = "modern";
    fanfare_engine *engine = NULL;
    struct pollfd fds[1];
    int step = 0;
    must(fanfare_engine_new(NULL, &engine));

    fanfare_session legacy = open_client(engine, FANFARE_PROFILE_LEGACY, legacy_name);
    fanfare_session modern = open_client(engine, FANFARE_PROFILE_MODERN, modern_name);
    came_in(engine, legacy, LEGACY_SUBSCRIBES);
    came_in(engine, modern, MODERN_LISTENS);
    if (came_in(engine, modern, MODERN_CALLS) == FANFARE_PASS) puts("the server has work to do");

    fds[0].fd = fanfare_engine_fd(engine);
    fds[0].events = POLLIN;
    for (;;) {
        uint64_t next_ms = 0;
        int ready = poll(fds, 1, 0);
        if (ready < 0) {
            perror("poll");
            return 1;
        }
        if (ready > 0)
            deliver(engine);
        else if (!work(engine, legacy, modern, step++))
            break;
        /* What the engine has to do by the clock; a loop with nothing else to do would sleep for
         * as long as this says. */
        must(fanfare_engine_tick(engine, &next_ms));
    }
    must(fanfare_engine_free(engine));
    return 0;
}
