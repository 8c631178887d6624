/* Clients that lose their connection and come back: what they missed, and how they get it.
 *
 *     cc clients_that_come_back.c -lfanfare && ./a.out
 *
 * A legacy client (2025-11-25) over HTTP resumes its streams by Last-Event-ID. A modern one
 * (2026-07-28) listens anew, and reads everything again. */
#include "client.h"

static const char *const CALL =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
    "\"name\":\"index\",\"_meta\":{\"progressToken\":\"job\"}}}";

static const char *const RESULT = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}";

static const char *const LISTEN =
    "{\"jsonrpc\":\"2.0\",\"id\":\"notes\",\"method\":\"subscriptions/listen\",\"params\":{"
    "\"_meta\":{" MODERN_META "},\"notifications\":{\"resourceSubscriptions\":[\"" NOTE "\"]}}}";

static void progress(fanfare_engine *engine, double done) {
    must(fanfare_notify_progress(engine, "\"job\"", 5, done, 4, NULL, 0, NULL, NULL));
}

static size_t updated(fanfare_engine *engine) {
    size_t reached = 0;
    must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, &reached));
    return reached;
}

static fanfare_stream open_stream(fanfare_engine *engine, fanfare_session session, uint32_t kind) {
    fanfare_stream stream = 0;
    must(fanfare_stream_open(engine, session, kind, &stream));
    return stream;
}

/* readme: hear */
/* Prints what waits in a stream, and keeps the last event id, as a client remembers it. */
static void hear(fanfare_engine *engine, fanfare_stream stream, char last[64]) {
    fanfare_batch *batch = fanfare_batch_new();
    size_t count = 0;
    must(fanfare_recv_stream(engine, stream, 64, batch));
    const fanfare_frame *frames = fanfare_batch_frames(batch, &count);
    for (size_t n = 0; n < count; n++) {
        const char *line = frames[n].data.ptr, *end = line + frames[n].data.len;
        while (line < end) {
            const char *next = (const char *)memchr(line, '\n', (size_t)(end - line));
            int len = (int)(next - line);
            if (len > 4 && len < 64 && memcmp(line, "id: ", 4) == 0)
                snprintf(last, 64, "%.*s", len - 4, line + 4);
            while (len > 0 && line[len - 1] == ' ') len--;
            if (len > 0) printf("legacy <- %.*s\n", len, line); /* An empty one ends an event. */
            line = next + 1;
        }
    }
    fanfare_batch_free(batch);
}
/* readme: end */

/* Frames are written to a connection that is gone already. */
static void write_to_nobody(fanfare_engine *engine, fanfare_stream stream) {
    fanfare_batch *batch = fanfare_batch_new();
    must(fanfare_recv_stream(engine, stream, 64, batch));
    fanfare_batch_free(batch);
}

static void legacy_client(fanfare_engine *engine) {
    fanfare_session_params params = params_of(FANFARE_PROFILE_LEGACY);
    params.framing = FANFARE_FRAMING_SSE;
    fanfare_session session = open_session(engine, &params);
    uint32_t disposition = FANFARE_HANDLED;
    uint64_t next_ms = 0;
    char last[64] = "";

    puts("# a call, whose connection breaks before the answer");
    /* readme: resume */
    fanfare_stream call = open_stream(engine, session, FANFARE_STREAM_REQUEST);
    must(fanfare_receive(engine, session, call, CALL, strlen(CALL), &disposition));
    progress(engine, 1);
    hear(engine, call, last);
    progress(engine, 2);
    write_to_nobody(engine, call);
    must(fanfare_stream_close(engine, call)); /* Now we know; the work goes on. */

    progress(engine, 3);
    progress(engine, 4);
    must(fanfare_send(engine, session, 0, RESULT, strlen(RESULT)));

    printf("# it is back, with Last-Event-ID: %s\n", last);
    must(fanfare_stream_resume(engine, session, last, strlen(last), &call));
    hear(engine, call, last);
    /* readme: end */

    puts("# the stream for what belongs to no call breaks too, and the client is away for long");
    /* readme: too-late */
    must(fanfare_subscribe(engine, session, NOTE, strlen(NOTE)));
    fanfare_stream listening = open_stream(engine, session, FANFARE_STREAM_STANDALONE);
    updated(engine);
    hear(engine, listening, last);
    updated(engine);
    write_to_nobody(engine, listening);
    must(fanfare_stream_close(engine, listening));
    must(fanfare_engine_advance(engine, 600000, &next_ms));
    if (fanfare_stream_resume(engine, session, last, strlen(last), &listening) == FANFARE_E_GONE)
        print_why("");
    listening = open_stream(engine, session, FANFARE_STREAM_STANDALONE);
    updated(engine); /* Here it would read the note, and all that it knows of. */
    hear(engine, listening, last);
    /* readme: end */
    must(fanfare_session_close(engine, session));
}

static void modern_client(fanfare_engine *engine) {
    puts("# a listen, whose connection breaks");
    /* readme: listen */
    fanfare_session session = open_client(engine, FANFARE_PROFILE_MODERN);
    says(engine, session, LISTEN);
    hears(engine, "modern", session);
    updated(engine); /* Queued, and lost with the connection. */
    must(fanfare_session_close(engine, session));
    printf("# while it is away, %zu hear of it\n", updated(engine));

    puts("# it is back");
    session = open_client(engine, FANFARE_PROFILE_MODERN);
    says(engine, session, LISTEN);
    hears(engine, "modern", session); /* Acknowledged: now it reads the note again. */
    updated(engine);
    hears(engine, "modern", session);
    /* readme: end */
}

int main(void) {
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *engine = NULL;
    must(fanfare_config_set(config, "clock", "manual"));
    must(fanfare_config_set(config, "sse.keep_alive_ms", "0"));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);
    legacy_client(engine);
    modern_client(engine);
    must(fanfare_engine_free(engine));
    return 0;
}
