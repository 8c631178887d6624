/* Buffers of every size: what does not fit is told and not lost, and no byte beyond the end is
   touched. */
#include "check.h"

#define CANARY 'Z'

/* Sets all of it to the canary; `untouched` then says whether the rest still is. */
static char area[4096];

static void fresh(void) { memset(area, CANARY, sizeof area); }

static int untouched(size_t from) {
    for (; from < sizeof area; from++)
        if (area[from] != CANARY) return 0;
    return 1;
}

static void texts(fanfare_engine *e) {
    fanfare_config *c = fanfare_config_new();
    size_t len = 0, cap, full;
    for (cap = 0; cap <= 6; cap++) {
        fresh();
        /* "close", five bytes and the terminator. */
        STATUS(cap < 6 ? FANFARE_TRUNCATED : FANFARE_OK,
               fanfare_config_get(c, "overflow", area, cap, &len));
        CHECK(len == 5 && untouched(cap));
        CHECK(cap == 0 || strncmp(area, "close", cap - 1) == 0);
        CHECK(cap == 0 || strlen(area) == cap - 1);
    }
    STATUS(FANFARE_TRUNCATED, fanfare_config_get(c, "overflow", NULL, 0, &len));
    OK(fanfare_config_set(c, "server.instructions", "\xc3\xa4\xc3\xa4"));
    STATUS(FANFARE_TRUNCATED, fanfare_config_get(c, "server.instructions", area, 4, &len));
    CHECK(len == 4 && strcmp(area, "\xc3\xa4") == 0); /* Not half a character. */
    fanfare_config_free(c);

    STATUS(FANFARE_TRUNCATED, fanfare_engine_stats_text(e, FANFARE_STATS_JSON, NULL, 0, &full));
    fresh();
    OK(fanfare_engine_stats_text(e, FANFARE_STATS_JSON, area, full + 1, &len));
    CHECK(len == full && strlen(area) == full && untouched(full + 1) && area[0] == '{');
    STATUS(FANFARE_TRUNCATED,
           fanfare_engine_stats_text(e, FANFARE_STATS_PROMETHEUS, area, 64, &len));
    CHECK(len > 64 && strlen(area) == 63 && strstr(area, "# HELP fanfare_raised_total") == area);

    STATUS(FANFARE_E_NULL, fanfare_engine_stats(NULL, NULL));
    full = fanfare_last_error(NULL, 0);
    CHECK(full == strlen("engine is NULL"));
    fresh();
    CHECK(fanfare_last_error(area, 7) == full && strcmp(area, "engine") == 0 && untouched(7));
}

static const char FIRST[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"n\":1}}\n";
static const char SECOND[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"n\":\"two\"}}\n";

static void raise_both(fanfare_engine *e) {
    raise_event(e, "notifications/x", "{\"n\":1}");
    raise_event(e, "notifications/x", "{\"n\":\"two\"}");
}

static void reading(fanfare_engine *e, fanfare_session s) {
    size_t first = strlen(FIRST), second = strlen(SECOND), len = 77, cap;
    for (cap = 0; cap <= first + second; cap++) {
        raise_both(e);
        fresh();
        if (cap < first) {
            STATUS(FANFARE_TRUNCATED, fanfare_read(e, s, area, cap, &len));
            CHECK(len == first && untouched(0));
        } else {
            OK(fanfare_read(e, s, area, cap, &len));
            CHECK(len == (cap < first + second ? first : first + second) && untouched(len));
            CHECK(memcmp(area, FIRST, first) == 0);
        }
        /* Whatever happened, both are read, once. */
        CHECK(strlen(read_all(e, s)) == first + second - (cap < first ? 0 : len));
    }
    STATUS(FANFARE_EMPTY, fanfare_read(e, s, NULL, 0, &len));
    CHECK(len == 0);
}

static size_t padded(size_t len) { return sizeof(fanfare_record) + (len + 7) / 8 * 8; }

static void draining(fanfare_engine *e, fanfare_session a, fanfare_session b) {
    size_t need = padded(strlen(FIRST)), len = 77, at, shift, seen;
    fanfare_stream stream = 0;
    CHECK(sizeof(fanfare_record) == 24);
    OK(fanfare_stream_default(e, a, &stream));

    STATUS(FANFARE_EMPTY, fanfare_drain(e, NULL, 0, &len));
    CHECK(len == 0);
    raise_both(e);
    fresh();
    STATUS(FANFARE_TRUNCATED, fanfare_drain(e, area, need - 1, &len));
    CHECK(len == need && untouched(0));

    /* All sessions at once, at every alignment. */
    for (shift = 0; shift < 8; shift++) {
        size_t of_a = 0, of_b = 0;
        fresh();
        OK(fanfare_drain(e, area + shift, sizeof area - shift, &len));
        CHECK(untouched(shift + len));
        for (at = 0; at < len;) {
            fanfare_record record;
            const char *text = area + shift + at + sizeof record;
            size_t pad;
            memcpy(&record, area + shift + at, sizeof record);
            CHECK(record.session == a || record.session == b);
            CHECK(record.flags == 0 && (record.session != a || record.stream == stream));
            seen = record.session == a ? of_a++ : of_b++;
            CHECK(record.len == strlen(seen == 0 ? FIRST : SECOND));
            CHECK(memcmp(text, seen == 0 ? FIRST : SECOND, record.len) == 0);
            for (pad = record.len; pad % 8 != 0; pad++) CHECK(text[pad] == '\0');
            at += padded(record.len);
        }
        CHECK(at == len && of_a == 2 && of_b == 2);
        raise_both(e);
    }

    /* One record at a time: the buffer has no room for a second. */
    for (seen = 0; fanfare_drain(e, area, padded(strlen(SECOND)), &len) == FANFARE_OK; seen++)
        CHECK(len == padded(strlen(FIRST)) || len == padded(strlen(SECOND)));
    CHECK(seen == 4);
}

/* Returns a batch that outlives its engine. */
static fanfare_batch *lending(fanfare_engine *e, fanfare_session a, fanfare_session b) {
    fanfare_batch *batch = fanfare_batch_new();
    const fanfare_frame *frames;
    fanfare_stream stream = 0;
    size_t n = 77;
    CHECK(fanfare_batch_frames(batch, &n) == NULL && n == 0);
    STATUS(FANFARE_EMPTY, fanfare_recv(e, a, 10, batch));
    raise_both(e);
    STATUS(FANFARE_EMPTY, fanfare_recv(e, a, 0, batch));
    OK(fanfare_recv(e, a, 1, batch));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 1 && frames[0].session == a && frames[0].data.len == strlen(FIRST));
    CHECK(memcmp(frames[0].data.ptr, FIRST, strlen(FIRST)) == 0);
    /* A failure leaves it as it was. */
    STATUS(FANFARE_E_GONE, fanfare_recv(e, 1234567, 1, batch));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 1 && memcmp(frames[0].data.ptr, FIRST, strlen(FIRST)) == 0);
    /* The next taking forgets it. */
    OK(fanfare_stream_default(e, b, &stream));
    OK(fanfare_recv_stream(e, stream, SIZE_MAX, batch));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 2 && frames[1].session == b && frames[1].stream == stream);
    OK(fanfare_recv(e, 0, SIZE_MAX, batch));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 1 && frames[0].session == a && frames[0].data.len == strlen(SECOND));
    return batch;
}

static void readiness(fanfare_engine *e, fanfare_session a, fanfare_session b) {
    fanfare_session ready[4] = {77, 77, 77, 77};
    size_t n = 77;
    STATUS(FANFARE_EMPTY, fanfare_engine_wait(e, 0, ready, 4, &n));
    CHECK(n == 0 && ready[0] == 77);
    raise_both(e);
    OK(fanfare_engine_wait(e, -1, NULL, 0, &n));
    CHECK(n == 0);
    OK(fanfare_engine_wait(e, -1, ready, 1, &n));
    CHECK(n == 1 && (ready[0] == a || ready[0] == b) && ready[1] == 77);
    OK(fanfare_engine_wait(e, 1000, ready, 4, &n));
    CHECK(n == 2 && ready[2] == 77 && ready[0] + ready[1] == a + b);
    read_all(e, a);
    read_all(e, b);
    STATUS(FANFARE_EMPTY, fanfare_engine_wait(e, 1, ready, 4, &n));
    /* A wakeup before the wait is not lost. */
    OK(fanfare_engine_wakeup(e));
    STATUS(FANFARE_EMPTY, fanfare_engine_wait(e, -1, ready, 4, &n));
    CHECK(n == 0);
}

int main(void) {
    fanfare_engine *e = new_engine();
    fanfare_session a = open_session(e, FANFARE_PROFILE_OPEN), b;
    fanfare_batch *batch;
    const fanfare_frame *frames;
    size_t n = 0;
    texts(e);
    reading(e, a);
    b = open_session(e, FANFARE_PROFILE_OPEN);
    draining(e, a, b);
    readiness(e, a, b);
    batch = lending(e, a, b);
    OK(fanfare_engine_free(e));
    frames = fanfare_batch_frames(batch, &n);
    CHECK(n == 1 && memcmp(frames[0].data.ptr, SECOND, strlen(SECOND)) == 0);
    fanfare_batch_free(batch);
    return 0;
}
