/* A program outside of the repository: one subscriber hears of one change. */
#include <fanfare.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    fanfare_engine *engine = NULL;
    fanfare_session_params params;
    fanfare_session session = 0;
    char out[1024];
    size_t len = 0;

    if (fanfare_version() != FANFARE_VERSION_NUMBER) {
        fprintf(stderr, "the header is of %s, the library of %s\n", FANFARE_VERSION_STRING,
                fanfare_version_string());
        return 1;
    }
    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.framing = FANFARE_FRAMING_JSON;
    if (fanfare_engine_new(NULL, &engine) != FANFARE_OK
        || fanfare_session_open(engine, &params, &session) != FANFARE_OK
        || fanfare_notify_resource_updated(engine, "doc://7", 7, NULL, NULL) != FANFARE_OK
        || fanfare_read(engine, session, out, sizeof out, &len) != FANFARE_OK)
        return 1;
    printf("%.*s\n", (int)len, out);
    return fanfare_engine_free(engine) != FANFARE_OK;
}
