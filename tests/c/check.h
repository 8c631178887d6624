/* What the C tests share: checks that say where they failed, and the usual sessions. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fanfare.h"

/* The program goes on to the end of nothing: the first failure is the one to look at. */
#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);       \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

#define STATUS(expected, call) check_status(expected, call, NULL, #call, __FILE__, __LINE__)

/* The status, and a part of the text that fanfare_last_error() must then give. */
#define FAILS(expected, part, call) \
    check_status(expected, call, part, #call, __FILE__, __LINE__)

#define OK(call) STATUS(FANFARE_OK, call)

static inline void check_status(fanfare_status expected, fanfare_status got, const char *part,
                                const char *call, const char *file, int line) {
    char why[512] = "";
    fanfare_last_error(why, sizeof why);
    if (got != expected || (part != NULL && strstr(why, part) == NULL)) {
        fprintf(stderr, "%s:%d: %s\n  is %s, not %s; last error: \"%s\"%s%s\n", file, line, call,
                fanfare_status_name(got), fanfare_status_name(expected), why,
                part != NULL ? " should have: " : "", part != NULL ? part : "");
        exit(1);
    }
}

static inline fanfare_session_params session_params(uint32_t profile) {
    fanfare_session_params params;
    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.profile = profile;
    return params;
}

static inline fanfare_session open_session(fanfare_engine *engine, uint32_t profile) {
    fanfare_session_params params = session_params(profile);
    fanfare_session session = 0;
    OK(fanfare_session_open(engine, &params, &session));
    CHECK(session != 0);
    return session;
}

static inline fanfare_engine *new_engine(void) {
    fanfare_engine *engine = NULL;
    OK(fanfare_engine_new(NULL, &engine));
    CHECK(engine != NULL);
    return engine;
}

static inline uint32_t receive(fanfare_engine *engine, fanfare_session session, const char *text) {
    uint32_t disposition = 99;
    OK(fanfare_receive(engine, session, 0, text, strlen(text), &disposition));
    return disposition;
}

/* Everything that is queued for a session, terminated. Valid until the next call. */
static inline const char *read_all(fanfare_engine *engine, fanfare_session session) {
    static char text[1 << 16];
    size_t filled = 0, len = 0;
    fanfare_status status;
    while ((status = fanfare_read(engine, session, text + filled, sizeof text - 1 - filled, &len))
           == FANFARE_OK)
        filled += len;
    CHECK(status == FANFARE_EMPTY);
    text[filled] = '\0';
    return text;
}

static inline void raise_event(fanfare_engine *engine, const char *method, const char *params) {
    OK(fanfare_notify(engine, method, strlen(method), params, strlen(params), NULL, NULL));
}

static inline size_t count(const char *text, const char *part) {
    size_t n = 0;
    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) n++;
    return n;
}

static inline fanfare_str str(const char *text) {
    fanfare_str result;
    result.ptr = text;
    result.len = strlen(text);
    return result;
}

#endif
