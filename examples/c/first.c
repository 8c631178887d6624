/* The first program: one client subscribes to a document, the document changes, the client is told.
 *
 *     cc first.c $(pkg-config --cflags --libs fanfare) && ./a.out
 */
#include <fanfare.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SUBSCRIBE[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
                                "\"params\":{\"uri\":\"doc://7\"}}";

/* readme: must */
/* After an error nothing has changed, and the library says what was wrong with this call. */
static void must(fanfare_status status) {
    if (status < 0) {
        char why[512];
        fanfare_last_error(why, sizeof why);
        fprintf(stderr, "%s: %s\n", fanfare_status_name(status), why);
        exit(1);
    }
}
/* readme: end */

int main(void) {
    fanfare_engine *engine = NULL;
    fanfare_session_params params;
    fanfare_session session = 0;
    uint32_t disposition = 0;
    size_t reached = 0, len = 0;
    char out[4096];

    must(fanfare_engine_new(NULL, &engine));

    /* A client of 2025-06-18 whose handshake is behind it. */
    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.profile = FANFARE_PROFILE_LEGACY;
    params.revision = FANFARE_REVISION_2025_06_18;
    must(fanfare_session_open(engine, &params, &session));

    /* What it sent, and what happened in the application. */
    must(fanfare_receive(engine, session, 0, SUBSCRIBE, strlen(SUBSCRIBE), &disposition));
    must(fanfare_notify_resource_updated(engine, "doc://7", 7, NULL, &reached));
    fprintf(stderr, "%zu reached\n", reached);

    /* What is to be written to it: the reply, and then the notification. */
    while (fanfare_read(engine, session, out, sizeof out, &len) == FANFARE_OK)
        fwrite(out, 1, len, stdout);

    must(fanfare_engine_free(engine));
    return 0;
}
