/* A legacy HTTP session whose connections break: event ids, replay, hanging up, and every way in
   which a stream cannot be resumed. */
#include "check.h"

static const char CALL[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}";
static const char ANSWER[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
static const char PING[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}";
static const char TOOLS[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}";

static fanfare_engine *engine_with(const char *key, const char *value) {
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *e = NULL;
    OK(fanfare_config_set(config, "clock", "manual"));
    OK(fanfare_config_set(config, key, value));
    OK(fanfare_engine_new(config, &e));
    fanfare_config_free(config);
    return e;
}

static fanfare_session open_sse(fanfare_engine *e, uint32_t revision) {
    fanfare_session_params params = session_params(FANFARE_PROFILE_LEGACY);
    fanfare_session session = 0;
    params.revision = revision;
    params.framing = FANFARE_FRAMING_SSE;
    OK(fanfare_session_open(e, &params, &session));
    return session;
}

static fanfare_stream open_stream(fanfare_engine *e, fanfare_session s, uint32_t kind) {
    fanfare_stream stream = 0;
    OK(fanfare_stream_open(e, s, kind, &stream));
    return stream;
}

static fanfare_stream resume(fanfare_engine *e, fanfare_session s, const char *id) {
    fanfare_stream stream = 0;
    OK(fanfare_stream_resume(e, s, id, strlen(id), &stream));
    CHECK(stream != 0);
    return stream;
}

static void cannot(fanfare_engine *e, fanfare_session s, const char *id, fanfare_status status,
                   const char *why) {
    fanfare_stream stream = 77;
    char text[512];
    FAILS(status, why, fanfare_stream_resume(e, s, id, strlen(id), &stream));
    fanfare_last_error(text, sizeof text);
    CHECK(stream == 77 && strncmp(text, "cannot resume: ", 15) == 0);
}

static void raise_tools(fanfare_engine *e) {
    OK(fanfare_notify_tool_list_changed(e, NULL, NULL));
}

/* Everything that a stream has to send; whether its last frame says that it is the last one. */
static const char *read_stream(fanfare_engine *e, fanfare_stream stream, int *is_last) {
    static char text[4096];
    fanfare_batch *batch = fanfare_batch_new();
    const fanfare_frame *frames;
    size_t n = 0, i, filled = 0;
    fanfare_status status = fanfare_recv_stream(e, stream, 100, batch);
    CHECK(status == FANFARE_OK || status == FANFARE_EMPTY);
    *is_last = 0;
    frames = fanfare_batch_frames(batch, &n);
    for (i = 0; i < n; i++) {
        CHECK(!*is_last && filled + frames[i].data.len < sizeof text);
        memcpy(text + filled, frames[i].data.ptr, frames[i].data.len);
        filled += frames[i].data.len;
        *is_last = (frames[i].flags & FANFARE_FRAME_LAST) != 0;
    }
    text[filled] = '\0';
    fanfare_batch_free(batch);
    return text;
}

static void expect(fanfare_engine *e, fanfare_stream stream, const char *text, int is_last) {
    int last = 77;
    const char *got = read_stream(e, stream, &last);
    if (strcmp(got, text) != 0) fprintf(stderr, "got:\n%s\nexpected:\n%s\n", got, text);
    CHECK(strcmp(got, text) == 0 && last == is_last);
}

static const char *event(const char *id, const char *text) {
    static char frame[512];
    snprintf(frame, sizeof frame, "id: %s\nevent: message\ndata: %s\n\n", id, text);
    return frame;
}

/* The connection of a call breaks; the answer waits for the client. */
static void a_call(void) {
    fanfare_engine *e = engine_with("replay.max_frames", "8");
    fanfare_session s = open_sse(e, FANFARE_REVISION_2025_11_25);
    fanfare_stream get = open_stream(e, s, FANFARE_STREAM_STANDALONE);
    fanfare_stream post = open_stream(e, s, FANFARE_STREAM_REQUEST), again;
    uint32_t disposition = 77;
    OK(fanfare_receive(e, s, post, CALL, strlen(CALL), &disposition));
    CHECK(disposition == FANFARE_PASS);
    expect(e, post, "id: 2-0\ndata: \n\n", 0);
    OK(fanfare_stream_close(e, post));
    OK(fanfare_send(e, s, 0, ANSWER, strlen(ANSWER)));
    expect(e, get, "id: 1-0\ndata: \n\n", 0); /* Not the answer. */
    again = resume(e, s, "2-0");
    CHECK(again != post && again != get);
    STATUS(FANFARE_E_GONE, fanfare_stream_close(e, post)); /* Somebody noticed late. */
    expect(e, again, event("2-1", ANSWER), 1);
    expect(e, resume(e, s, "2-0"), event("2-1", ANSWER), 1);
    cannot(e, s, "2-1", FANFARE_E_GONE, "was the last of its stream");
    OK(fanfare_engine_free(e));
}

/* The server hangs up on purpose. */
static void polling(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_sse(e, FANFARE_REVISION_2025_11_25);
    fanfare_stream get = open_stream(e, s, FANFARE_STREAM_STANDALONE);
    raise_tools(e);
    OK(fanfare_stream_hang_up(e, get, 2500));
    expect(e, get, "id: 1-0\ndata: \n\nretry: 2500\n\n", 1);
    STATUS(FANFARE_E_GONE, fanfare_stream_hang_up(e, get, 2500));
    expect(e, resume(e, s, "1-0"), event("1-1", TOOLS), 0);

    s = open_sse(e, FANFARE_REVISION_2025_06_18);
    get = open_stream(e, s, FANFARE_STREAM_STANDALONE);
    FAILS(FANFARE_E_NOT_NEGOTIATED, "2025-11-25", fanfare_stream_hang_up(e, get, 2500));
    OK(fanfare_engine_free(e));
}

static void bounds(void) {
    fanfare_engine *e = engine_with("replay.max_frames", "2");
    fanfare_session s = open_sse(e, FANFARE_REVISION_2025_03_26);
    fanfare_session other = open_sse(e, FANFARE_REVISION_2025_03_26);
    fanfare_stream get = open_stream(e, s, FANFARE_STREAM_STANDALONE), stream = 77;
    uint32_t disposition = 77;
    uint64_t next = 77;
    char id[2] = {'1', (char)0xff};
    int is_last, i;
    for (i = 0; i < 4; i++) {
        raise_tools(e);
        read_stream(e, get, &is_last);
    }
    cannot(e, s, "1-1", FANFARE_E_GONE, "the oldest event that is kept is 1-3");
    cannot(e, s, "1-5", FANFARE_E_INVALID_ARGUMENT, "1-5 was never given out");
    cannot(e, s, "junk", FANFARE_E_INVALID_ARGUMENT, "\"junk\" is no event id");
    cannot(e, s, "", FANFARE_E_INVALID_ARGUMENT, "is no event id");
    cannot(e, s, "9-1", FANFARE_E_GONE, "is not kept");
    cannot(e, other, "1-3", FANFARE_E_INVALID_ARGUMENT, "another session");
    STATUS(FANFARE_E_UTF8, fanfare_stream_resume(e, s, id, 2, &stream));
    STATUS(FANFARE_E_GONE, fanfare_stream_resume(e, 77, "1-3", 3, &stream));
    CHECK(stream == 77);
    expect(e, resume(e, s, "1-3"), event("1-4", TOOLS), 0);

    OK(fanfare_engine_free(e));
    e = engine_with("replay.max_age_ms", "1000");
    s = open_sse(e, FANFARE_REVISION_2025_03_26);
    get = open_stream(e, s, FANFARE_STREAM_REQUEST);
    OK(fanfare_receive(e, s, get, PING, strlen(PING), &disposition));
    read_stream(e, get, &is_last);
    CHECK(is_last);
    OK(fanfare_engine_advance(e, 999, &next));
    CHECK(next == 1125); /* The age, and an eighth. */
    OK(fanfare_engine_advance(e, 1000, &next));
    CHECK(next == FANFARE_NEVER);
    cannot(e, s, "1-1", FANFARE_E_GONE, "is not kept");
    OK(fanfare_engine_free(e));

    e = engine_with("replay.max_frames", "0");
    s = open_sse(e, FANFARE_REVISION_2025_11_25);
    get = open_stream(e, s, FANFARE_STREAM_STANDALONE);
    raise_tools(e);
    CHECK(strncmp(read_stream(e, get, &is_last), "event: ", 7) == 0);
    cannot(e, s, "1-1", FANFARE_E_NOT_NEGOTIATED, "replay.max_frames is 0");
    OK(fanfare_engine_free(e));
}

int main(void) {
    a_call();
    polling();
    bounds();
    return 0;
}
