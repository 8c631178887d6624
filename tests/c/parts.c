/* Frames in parts: written with writev they are the bytes that fanfare_recv lends; a batch holds
   the frames of the latest call, whichever that was. */
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

/* The promise that parts are as writev wants them. */
_Static_assert(sizeof(struct iovec) == sizeof(fanfare_str), "they are of one size");
_Static_assert(offsetof(struct iovec, iov_base) == offsetof(fanfare_str, ptr), "the pointer");
_Static_assert(offsetof(struct iovec, iov_len) == offsetof(fanfare_str, len), "the length");

enum { SESSIONS = 6 };

/* Two engines that are told the same have the same to say. */
typedef struct {
    fanfare_engine *engine;
    fanfare_session sessions[SESSIONS];
    fanfare_stream posted;
} world;

/* Short ones, the longest that are kept by value, and longer ones. */
static const char *const IDS[SESSIONS] = {
    "1", "\"x\"", "12345678901234", "123456789012345", "\"a rather long subscription id\"", NULL};

static const char URI[] = "doc://1", OTHER[] = "doc://2";

static void raise_all(world *w) {
    fanfare_engine *e = w->engine;
    fanfare_raise one;
    OK(fanfare_notify_resource_updated(e, URI, strlen(URI), NULL, NULL));
    OK(fanfare_notify_tool_list_changed(e, NULL, NULL));
    memset(&one, 0, sizeof one);
    one.struct_size = sizeof one;
    one.target = FANFARE_TARGET_SESSION;
    one.session = w->sessions[1];
    one.context = str("{\"why\":\"because\"}");
    OK(fanfare_notify_resource_updated(e, OTHER, strlen(OTHER), &one, NULL));
    raise_event(e, "notifications/x", "{\"n\":1}");
}

static void open_all(world *w) {
    static const char filter[] =
        "{\"toolsListChanged\":true,\"resourceSubscriptions\":[\"doc://1\",\"doc://2\"]}";
    static const char call[] =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"_meta\":{"
        "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
        "\"io.modelcontextprotocol/clientCapabilities\":{}}}}";
    static const char result[] =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"resultType\":\"complete\",\"content\":[]}}";
    uint32_t disposition = 99;
    size_t i;
    w->engine = new_engine();
    for (i = 0; i < SESSIONS; i++) {
        fanfare_subscription subscription = 0;
        fanfare_session_params params =
            session_params(IDS[i] != NULL ? FANFARE_PROFILE_MODERN : FANFARE_PROFILE_OPEN);
        params.framing = i % 2 == 0 ? FANFARE_FRAMING_SSE : FANFARE_FRAMING_NDJSON;
        OK(fanfare_session_open(w->engine, &params, &w->sessions[i]));
        if (IDS[i] != NULL)
            OK(fanfare_listen(w->engine, w->sessions[i], 0, IDS[i], strlen(IDS[i]), filter,
                              strlen(filter), &subscription));
    }
    /* One stream that ends with its response. */
    {
        fanfare_session_params params = session_params(FANFARE_PROFILE_MODERN);
        fanfare_session session = 0;
        OK(fanfare_session_open(w->engine, &params, &session));
        OK(fanfare_stream_open(w->engine, session, FANFARE_STREAM_REQUEST, &w->posted));
        OK(fanfare_receive(w->engine, session, w->posted, call, strlen(call), &disposition));
        CHECK(disposition == FANFARE_PASS);
        OK(fanfare_send(w->engine, session, 0, result, strlen(result)));
    }
    raise_all(w);
}

/* The bytes of a pipe's other end, of which so many were written. */
static void read_back(int fd, char *into, size_t len) {
    size_t filled = 0;
    while (filled < len) {
        ssize_t n = read(fd, into + filled, len - filled);
        CHECK(n > 0);
        filled += (size_t)n;
    }
}

/* The same frames out of both, the one as they are and the other through a pipe. */
static void compare(world *whole, world *parts, size_t max) {
    fanfare_batch *a = fanfare_batch_new(), *b = fanfare_batch_new();
    size_t seen = 0, last = 0, i, j, k, n, m;
    char bytes[1024];
    int fds[2];
    CHECK(pipe(fds) == 0);
    for (;;) {
        const fanfare_frame *frames;
        const fanfare_vectored_frame *vectored;
        fanfare_status status = fanfare_recv(whole->engine, 0, max, a);
        STATUS(status, fanfare_recv_vectored(parts->engine, 0, max, b));
        frames = fanfare_batch_frames(a, &n);
        vectored = fanfare_batch_vectored_frames(b, &m);
        CHECK(n == m && (n == 0) == (status == FANFARE_EMPTY) && n <= max);
        CHECK((vectored == NULL) == (n == 0));
        /* The other kind has none. */
        CHECK(fanfare_batch_vectored_frames(a, &m) == NULL && m == 0);
        CHECK(fanfare_batch_frames(b, &m) == NULL && m == 0);
        if (n == 0) break;
        for (i = 0; i < n; i++) {
            const fanfare_vectored_frame *it = &vectored[i];
            size_t len = it->parts[0].len + it->parts[1].len + it->parts[2].len;
            ssize_t written;
            CHECK(len == frames[i].data.len && len <= sizeof bytes);
            CHECK(it->flags == frames[i].flags && it->reserved == 0);
            for (k = 0; k < 3; k++) CHECK(it->parts[k].ptr != NULL);
            for (j = 0; j < SESSIONS; j++)
                CHECK((it->session == parts->sessions[j])
                      == (frames[i].session == whole->sessions[j]));
            CHECK((it->stream == parts->posted) == (frames[i].stream == whole->posted));
            CHECK((it->flags == FANFARE_FRAME_LAST) == (it->stream == parts->posted));
            last += it->flags == FANFARE_FRAME_LAST;
            written = writev(fds[1], (const struct iovec *)(const void *)it->parts, 3);
            CHECK(written == (ssize_t)len);
            read_back(fds[0], bytes, len);
            CHECK(memcmp(bytes, frames[i].data.ptr, len) == 0);
        }
        seen += n;
    }
    /* An acknowledgment for each listen; both notices for each, with one more for the second; an
       open session hears of each URI, of the list and of the event; and the response. */
    CHECK(seen == 5 + 5 * 2 + 1 + 3 + 1 && last == 1);
    CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
    fanfare_batch_free(a);
    fanfare_batch_free(b);
}

static void sized(size_t max) {
    world whole, parts;
    open_all(&whole);
    open_all(&parts);
    compare(&whole, &parts, max);
    OK(fanfare_engine_free(whole.engine));
    OK(fanfare_engine_free(parts.engine));
}

static void expect(const fanfare_vectored_frame *frame, const char *text) {
    char bytes[512];
    size_t len = 0, k;
    for (k = 0; k < 3; k++) {
        CHECK(len + frame->parts[k].len <= sizeof bytes);
        memcpy(bytes + len, frame->parts[k].ptr, frame->parts[k].len);
        len += frame->parts[k].len;
    }
    CHECK(len == strlen(text) && memcmp(bytes, text, len) == 0);
}

/* One batch for both kinds: it holds what came last, and keeps it when a call fails. */
static void in_turns(void) {
    static const char text[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"n\":1}}\n";
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN);
    fanfare_batch *batch = fanfare_batch_new();
    const fanfare_vectored_frame *parts;
    const fanfare_frame *frames;
    size_t n = 77, i;
    CHECK(fanfare_batch_vectored_frames(batch, &n) == NULL && n == 0);
    for (i = 0; i < 3; i++) raise_event(e, "notifications/x", "{\"n\":1}");
    STATUS(FANFARE_EMPTY, fanfare_recv_vectored(e, s, 0, batch));
    OK(fanfare_recv_vectored(e, s, 1, batch));
    parts = fanfare_batch_vectored_frames(batch, &n);
    CHECK(n == 1 && parts[0].session == s);
    expect(&parts[0], text);
    /* A failure leaves it as it was, whoever fails. */
    STATUS(FANFARE_E_GONE, fanfare_recv_vectored(e, 1234567, 1, batch));
    STATUS(FANFARE_E_GONE, fanfare_recv(e, 1234567, 1, batch));
    parts = fanfare_batch_vectored_frames(batch, &n);
    CHECK(n == 1);
    expect(&parts[0], text);
    CHECK(fanfare_batch_frames(batch, &n) == NULL && n == 0);
    /* The other kind. */
    OK(fanfare_recv(e, s, 1, batch));
    CHECK(fanfare_batch_vectored_frames(batch, &n) == NULL && n == 0);
    STATUS(FANFARE_E_GONE, fanfare_recv_vectored(e, 1234567, 1, batch));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 1 && frames[0].data.len == strlen(text));
    CHECK(memcmp(frames[0].data.ptr, text, strlen(text)) == 0);
    CHECK(fanfare_batch_vectored_frames(batch, &n) == NULL && n == 0);
    /* And back; nothing of the one before comes again. */
    OK(fanfare_recv_vectored(e, 0, SIZE_MAX, batch));
    CHECK(fanfare_batch_frames(batch, &n) == NULL && n == 0);
    STATUS(FANFARE_EMPTY, fanfare_recv(e, 0, SIZE_MAX, batch));
    CHECK(fanfare_batch_vectored_frames(batch, &n) == NULL && n == 0);
    raise_event(e, "notifications/x", "{\"n\":1}");
    OK(fanfare_recv_vectored(e, 0, SIZE_MAX, batch));
    /* The frames outlive their engine. */
    OK(fanfare_engine_free(e));
    parts = fanfare_batch_vectored_frames(batch, &n);
    CHECK(n == 1);
    expect(&parts[0], text);
    fanfare_batch_free(batch);
}

int main(void) {
    sized(SIZE_MAX);
    sized(3);
    sized(1);
    in_turns();
    return 0;
}
