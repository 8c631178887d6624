/* Between a transport and an SDK: an MCP server over stdin and stdout.
 *
 *     cc stdio.c -lfanfare && ./a.out
 *
 * Everything that the client says goes through the engine, which answers what it knows: pings,
 * subscriptions, log levels, and here the handshake too. What it does not know is the SDK's, or as
 * here a server's own; its answers go through the engine as well. */
#include <poll.h>
#include <unistd.h>

#include "scene.h"

/* What stands for the SDK: takes a request, and sends the answer when it has one. It sees no
 * subscription, and says what happened without knowing who is to hear of it. */
static void sdk_takes(fanfare_engine *engine, fanfare_session session, const char *message) {
    char answer[256];
    const char *id = strstr(message, "\"id\":");
    if (id == NULL || strstr(message, "\"tools/call\"") == NULL) return;
    id += strlen("\"id\":");
    must(fanfare_notify_resource_updated(engine, "doc://7", 7, NULL, NULL));
    snprintf(answer, sizeof answer, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"content\":[]}}",
             (int)strcspn(id, ",}"), id);
    /* readme: out */
    /* The SDK's answer, too, goes out through the engine: behind all that is of its request, and
     * nothing of the request comes after it. A client that has cancelled it gets none. */
    if (fanfare_send(engine, session, 0, answer, strlen(answer)) == FANFARE_E_STATE)
        fprintf(stderr, "nobody waits for it any more\n");
    /* readme: end */
}

/* readme: in */
/* A line has come in, without its line feed. */
static void line_came(fanfare_engine *engine, fanfare_session session, const char *line,
                      size_t len) {
    uint32_t disposition = FANFARE_HANDLED;
    must(fanfare_receive(engine, session, 0, line, len, &disposition));
    if (disposition == FANFARE_PASS) sdk_takes(engine, session, line);
}
/* readme: end */

static fanfare_engine *new_engine(void) {
    /* readme: config */
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *engine = NULL;
    must(fanfare_config_set(config, "initialize.answer", "engine"));
    must(fanfare_config_set(config, "server.info", "{\"name\":\"notes\",\"version\":\"1.0\"}"));
    must(fanfare_config_set(config, "server.capabilities",
                            "{\"resources\":{\"subscribe\":true},\"tools\":{}}"));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);
    /* readme: end */
    return engine;
}

/* What waits for the client. A pipe takes it at once, or makes us wait; who must not wait sets it
 * to non-blocking, and pauses the session while it is full. */
static void write_what_waits(fanfare_engine *engine, fanfare_session session) {
    char out[65536];
    size_t len = 0;
    while (fanfare_read(engine, session, out, sizeof out, &len) == FANFARE_OK)
        fwrite(out, 1, len, stdout);
    fflush(stdout);
}

int main(void) {
    static char in[65536];
    size_t held = 0;
    fanfare_engine *engine = new_engine();
    /* Whatever the client speaks: its first message decides. */
    fanfare_session session = open_client(engine, FANFARE_PROFILE_AUTO, NULL);
    struct pollfd fds[2];
    fds[0].fd = STDIN_FILENO;
    fds[1].fd = fanfare_engine_fd(engine);
    fds[0].events = fds[1].events = POLLIN;

    for (;;) {
        char *line = in, *end;
        ssize_t got;
        uint64_t wait_ms = 0;
        must(fanfare_engine_tick(engine, &wait_ms));
        if (poll(fds, 2, wait_ms > 60000 ? 60000 : (int)wait_ms) < 0) return 1;
        if (fds[1].revents != 0) write_what_waits(engine, session);
        if (fds[0].revents == 0) continue;
        got = read(STDIN_FILENO, in + held, sizeof in - held);
        if (got <= 0) break;
        held += (size_t)got;
        while ((end = (char *)memchr(line, '\n', held)) != NULL) {
            size_t len = (size_t)(end - line);
            *end = '\0';
            line_came(engine, session, line, len);
            line = end + 1;
            held -= len + 1;
        }
        memmove(in, line, held);
        if (held == sizeof in) return 1; /* A line of 64 KiB: more than this server takes. */
    }
    /* It hung up its end: it gets what waits, and goodbye. */
    must(fanfare_session_end(engine, session, FANFARE_END_SHUTDOWN));
    write_what_waits(engine, session);
    must(fanfare_engine_free(engine));
    return 0;
}
