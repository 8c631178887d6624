/* What the C programs of this folder share: how a client is opened, speaks and is heard, and a way
 * to stop when something fails. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfare.h"

#define NOTE "file:///notes/today.md"

/* Every modern request says who sends it; this client knows tasks. */
#define MODERN_META                                         \
    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
    "\"io.modelcontextprotocol/clientCapabilities\":{"      \
    "\"extensions\":{\"io.modelcontextprotocol/tasks\":{}}}"

static inline void must(fanfare_status status) {
    if (status < 0) {
        char why[512];
        fanfare_last_error(why, sizeof why);
        fprintf(stderr, "%s: %s\n", fanfare_status_name(status), why);
        exit(1);
    }
}

/* Prints why the call that has just failed did so. */
static inline void print_why(const char *before) {
    char why[512];
    fanfare_last_error(why, sizeof why);
    printf("# %s%s\n", before, why);
}

/* How a session is opened, with everything at its default but the profile. */
static inline fanfare_session_params params_of(uint32_t profile) {
    fanfare_session_params params;
    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.profile = profile;
    return params;
}

static inline fanfare_session open_session(fanfare_engine *engine,
                                           const fanfare_session_params *params) {
    fanfare_session session = 0;
    must(fanfare_session_open(engine, params, &session));
    return session;
}

static inline fanfare_session open_client(fanfare_engine *engine, uint32_t profile) {
    fanfare_session_params params = params_of(profile);
    return open_session(engine, &params);
}

/* Something is raised to one session only. */
static inline fanfare_raise to_session(fanfare_session session) {
    fanfare_raise raise;
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
    raise.target = FANFARE_TARGET_SESSION;
    raise.session = session;
    return raise;
}

/* A message of the client has come in; whether the server must act on it. */
static inline int says(fanfare_engine *engine, fanfare_session session, const char *message) {
    uint32_t disposition = FANFARE_HANDLED;
    must(fanfare_receive(engine, session, 0, message, strlen(message), &disposition));
    return disposition == FANFARE_PASS;
}

/* Prints what waits for a client, and returns how many frames it was. A server writes it to the
 * client's socket. */
static inline int hears(fanfare_engine *engine, const char *name, fanfare_session session) {
    char frames[8192];
    size_t len = 0;
    int count = 0;
    must(fanfare_read(engine, session, frames, sizeof frames, &len));
    for (const char *line = frames, *end = frames + len; line < end; count++) {
        const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        printf("%s <- %.*s", name, (int)(next - line), line);
        line = next;
    }
    return count;
}

#endif
