/* What the C examples share: two clients, the job that the server does for them, and a way to
 * stop when something fails.
 *
 * The legacy client (2025-06-18) subscribes to a document. The modern one (2026-07-28) listens to
 * the same document, and calls a tool of which it wants to hear progress and warnings. */
#ifndef SCENE_H
#define SCENE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfare.h"

static const char *const LEGACY_SUBSCRIBES =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
    "\"params\":{\"uri\":\"doc://7\"}}";

/* Every modern request says who sends it. */
#define MODERN_META \
    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
    "\"io.modelcontextprotocol/clientCapabilities\":{}"

static const char *const MODERN_LISTENS =
    "{\"jsonrpc\":\"2.0\",\"id\":\"listen\",\"method\":\"subscriptions/listen\","
    "\"params\":{\"_meta\":{" MODERN_META "},"
    "\"notifications\":{\"resourceSubscriptions\":[\"doc://7\"]}}}";

static const char *const MODERN_CALLS =
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\","
    "\"params\":{\"name\":\"index\",\"_meta\":{" MODERN_META ","
    "\"io.modelcontextprotocol/logLevel\":\"warning\",\"progressToken\":\"job\"}}}";

static const char *const RESULT =
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"resultType\":\"complete\",\"content\":[]}}";

static inline void must(fanfare_status status) {
    if (status < 0) {
        char why[512];
        fanfare_last_error(why, sizeof why);
        fprintf(stderr, "%s: %s\n", fanfare_status_name(status), why);
        exit(1);
    }
}

static inline fanfare_session open_client(fanfare_engine *engine, uint32_t profile,
                                          void *user_data) {
    fanfare_session_params params;
    fanfare_session session = 0;
    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.profile = profile;
    params.revision = FANFARE_REVISION_2025_06_18;
    params.user_data = user_data;
    must(fanfare_session_open(engine, &params, &session));
    return session;
}

/* A message of a client has come in. Most are the engine's to answer; FANFARE_PASS means that
 * this one is the server's: here, the call of the tool, which `work` does below. */
static inline uint32_t came_in(fanfare_engine *engine, fanfare_session session,
                               const char *message) {
    uint32_t disposition = FANFARE_HANDLED;
    must(fanfare_receive(engine, session, 0, message, strlen(message), &disposition));
    return disposition;
}

/* readme: work */
/* The job, one step at a time; returns 0 when it is done. */
static inline int work(fanfare_engine *engine, fanfare_session legacy, fanfare_session modern,
                       int step) {
    static const char *const alert = "{\"disk\":\"nearly full\"}";
    fanfare_raise to_the_call;
    switch (step) {
    case 0: /* Data changed. Whoever wants to know, is told; the server need not know who. */
        must(fanfare_notify_resource_updated(engine, "doc://7", 7, NULL, NULL));
        return 1;
    case 1:
    case 2: /* Long work moves on. */
        must(fanfare_notify_progress(engine, "\"job\"", 5, step, 2, NULL, 0, NULL, NULL));
        return 1;
    case 3: /* Something is wrong: all clients that may be told at any time ... */
        must(fanfare_notify_alert(engine, FANFARE_LEVEL_ALERT, "disk", 4, alert, strlen(alert),
                                  NULL, NULL));
        /* ... and the modern one, which hears of trouble in its own requests only. */
        memset(&to_the_call, 0, sizeof to_the_call);
        to_the_call.struct_size = sizeof to_the_call;
        to_the_call.target = FANFARE_TARGET_REQUEST;
        to_the_call.session = modern;
        to_the_call.request.ptr = "2";
        to_the_call.request.len = 1;
        must(fanfare_notify_alert(engine, FANFARE_LEVEL_ALERT, "disk", 4, alert, strlen(alert),
                                  &to_the_call, NULL));
        return 1;
    case 4: /* The call is answered, after everything that belongs to it. */
        must(fanfare_send(engine, modern, 0, RESULT, strlen(RESULT)));
        return 1;
    case 5: /* Goodbye. What is still queued goes out before. */
        must(fanfare_session_end(engine, legacy, FANFARE_END_SHUTDOWN));
        must(fanfare_session_end(engine, modern, FANFARE_END_SHUTDOWN));
        return 1;
    default:
        return 0;
    }
}
/* readme: end */

#endif
