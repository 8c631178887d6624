#include <stdio.h>
#include <string.h>
#include "fanfare.h"

static const char SUBSCRIBE[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
                                "\"params\":{\"uri\":\"doc://7\"}}";

int main(void) {
    fanfare_engine *engine = NULL;
    fanfare_session_params params;
    fanfare_session session = 0;
    uint32_t disposition = 0;
    size_t len = 0;
    char out[4096], why[256];

    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.profile = FANFARE_PROFILE_LEGACY;
    if (fanfare_engine_new(NULL, &engine) != FANFARE_OK
        || fanfare_session_open(engine, &params, &session) != FANFARE_OK
        || fanfare_receive(engine, session, 0, SUBSCRIBE, strlen(SUBSCRIBE), &disposition) < 0
        || fanfare_notify_resource_updated(engine, "doc://7", 7, NULL, NULL) < 0) {
        fanfare_last_error(why, sizeof why);
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    // The reply to the client's request, and then the notification.
    while (fanfare_read(engine, session, out, sizeof out, &len) == FANFARE_OK)
        fwrite(out, 1, len, stdout);
    return fanfare_engine_free(engine) != FANFARE_OK;
}
