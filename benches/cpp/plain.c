#include "plain.h"

#include <string.h>

size_t plain_recv(fanfare_engine *engine, fanfare_batch *batch) {
    size_t frames = 0;
    while (fanfare_recv(engine, 0, BATCH, batch) == FANFARE_OK) {
        size_t n = 0, at;
        const fanfare_frame *first = fanfare_batch_frames(batch, &n);
        for (at = 0; at < n; at++) look_at(first[at].data.ptr, first[at].data.len);
        frames += n;
    }
    return frames;
}

size_t plain_vectored(fanfare_engine *engine, fanfare_batch *batch) {
    size_t frames = 0;
    while (fanfare_recv_vectored(engine, 0, BATCH, batch) == FANFARE_OK) {
        size_t n = 0, at;
        const fanfare_vectored_frame *first = fanfare_batch_vectored_frames(batch, &n);
        for (at = 0; at < n; at++) look_at(first[at].parts, 3);
        frames += n;
    }
    return frames;
}

size_t plain_read(fanfare_engine *engine, const fanfare_session *sessions, size_t n) {
    char buf[1024];
    size_t at, len, frames = 0;
    for (at = 0; at < n; at++) {
        if (fanfare_read(engine, sessions[at], buf, sizeof buf, &len) != FANFARE_OK) return 0;
        look_at(buf, len);
        frames += 1;
    }
    return frames;
}

size_t plain_drain(fanfare_engine *engine, char *buf, size_t cap) {
    size_t len = 0, frames = 0;
    while (fanfare_drain(engine, buf, cap, &len) == FANFARE_OK) {
        size_t at = 0;
        while (at < len) {
            fanfare_record record;
            memcpy(&record, buf + at, sizeof record);
            at += sizeof record;
            look_at(buf + at, record.len);
            at += (record.len + 7u) / 8 * 8;
            frames += 1;
        }
    }
    return frames;
}

static int32_t accept(void *ctx, const fanfare_frame *frame) {
    (void)ctx;
    look_at(frame->data.ptr, frame->data.len);
    return FANFARE_VERDICT_ACCEPTED;
}

fanfare_status plain_on_frame(fanfare_engine *engine) {
    return fanfare_engine_on_frame(engine, accept, NULL, NULL);
}

size_t plain_dispatch(fanfare_engine *engine) {
    size_t frames = 0;
    return fanfare_dispatch(engine, SIZE_MAX, &frames) < 0 ? 0 : frames;
}

size_t plain_raise(fanfare_engine *engine, size_t times) {
    size_t at, matched = 0;
    for (at = 0; at < times; at++) {
        if (fanfare_notify_resource_updated(engine, "doc://none", 10, NULL, &matched) < 0) return 0;
        look_at(&matched, matched);
    }
    return times;
}

size_t plain_subscribe(fanfare_engine *engine, fanfare_session session, size_t times) {
    size_t at;
    for (at = 0; at < times; at++) {
        if (fanfare_subscribe(engine, session, "doc://one", 9) < 0 ||
            fanfare_unsubscribe(engine, session, "doc://one", 9) < 0) {
            return 0;
        }
    }
    return times;
}
