/* Text that is not UTF-8, not JSON, or longer than memory; numbers that stand for nothing; sizes
   of structs that never were. Nothing is written, and nothing happens. */
#include "check.h"

/* A pointer that must never be followed: the length next to it is refused first. */
#define NOWHERE ((const char *)8)

static const size_t HUGE_LENGTHS[] = {((size_t)1 << 30) + 1, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX};
#define EACH_HUGE(len) \
    for (size_t i = 0, len = HUGE_LENGTHS[0]; i < 4; i++, len = i < 4 ? HUGE_LENGTHS[i] : 0)

static void huge(fanfare_engine *e, fanfare_session s) {
    uint32_t disposition = 77;
    fanfare_subscription subscription = 77;
    size_t n = 77;
    char buf[4];
    EACH_HUGE(len) {
        FAILS(FANFARE_E_LIMIT, "message", fanfare_receive(e, s, 0, NOWHERE, len, &disposition));
        FAILS(FANFARE_E_LIMIT, "1073741824", fanfare_send(e, s, 0, NOWHERE, len));
        STATUS(FANFARE_E_LIMIT, fanfare_subscribe(e, s, NOWHERE, len));
        STATUS(FANFARE_E_LIMIT, fanfare_listen(e, s, 0, "1", 1, NOWHERE, len, &subscription));
        STATUS(FANFARE_E_LIMIT, fanfare_subscriber_count(e, NOWHERE, len, &n));
        STATUS(FANFARE_E_LIMIT, fanfare_notify(e, NOWHERE, len, NULL, 0, NULL, &n));
        STATUS(FANFARE_E_LIMIT, fanfare_notify(e, "a/b", 3, NOWHERE, len, NULL, &n));
        STATUS(FANFARE_E_LIMIT, fanfare_notify_resource_updated(e, NOWHERE, len, NULL, &n));
        STATUS(FANFARE_E_LIMIT, fanfare_notify_progress(e, NOWHERE, len, 1, 2, NULL, 0, NULL, &n));
        STATUS(FANFARE_E_LIMIT, fanfare_read(e, s, buf, len, &n));
        STATUS(FANFARE_E_LIMIT, fanfare_drain(e, buf, len, &n));
        CHECK(fanfare_last_error(buf, len) == 0);
    }
    CHECK(disposition == 77 && subscription == 77 && n == 77);
}

static void utf8(fanfare_engine *e, fanfare_session s, fanfare_config *c) {
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_raise raise;
    fanfare_session opened = 77;
    size_t n = 77;
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
    FAILS(FANFARE_E_UTF8, "from byte 1 on", fanfare_subscribe(e, s, "a\xff", 2));
    STATUS(FANFARE_E_UTF8, fanfare_unsubscribe(e, s, "\xc3", 1));
    STATUS(FANFARE_E_UTF8, fanfare_notify(e, "a\x80", 2, NULL, 0, NULL, &n));
    STATUS(FANFARE_E_UTF8, fanfare_notify(e, "a/b", 3, "\xed\xa0\x80", 3, NULL, &n));
    STATUS(FANFARE_E_UTF8, fanfare_notify_alert(e, 5, "\xff", 1, "1", 1, NULL, &n));
    STATUS(FANFARE_E_UTF8, fanfare_send(e, s, 0, "\"\xff\"", 3));
    STATUS(FANFARE_E_UTF8, fanfare_config_set(c, "over\xff", "close"));
    STATUS(FANFARE_E_UTF8, fanfare_config_set(c, "overflow", "\xff"));
    params.principal = str("\xc0\xaf");
    FAILS(FANFARE_E_UTF8, "principal", fanfare_session_open(e, &params, &opened));
    raise.context = str("{\"\xff\":1}");
    FAILS(FANFARE_E_UTF8, "context", fanfare_notify_tool_list_changed(e, &raise, &n));
    CHECK(opened == 77 && n == 77);
}

static void json(fanfare_engine *e, fanfare_session s, fanfare_session modern) {
    fanfare_session_params params = session_params(FANFARE_PROFILE_LEGACY);
    fanfare_raise raise;
    fanfare_subscription subscription = 77;
    fanfare_session opened = 77;
    size_t n = 77;
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
    STATUS(FANFARE_E_JSON, fanfare_notify(e, "a/b", 3, "{", 1, NULL, &n));
    STATUS(FANFARE_E_JSON, fanfare_notify(e, "a/b", 3, "[1]", 3, NULL, &n));
    STATUS(FANFARE_E_JSON, fanfare_send(e, s, 0, "{}", 2));
    STATUS(FANFARE_E_JSON, fanfare_send(e, s, 0, "", 0));
    STATUS(FANFARE_E_JSON, fanfare_listen(e, modern, 0, "1", 1, "[]", 2, &subscription));
    FAILS(FANFARE_E_INVALID_ARGUMENT, "id", fanfare_listen(e, modern, 0, "{}", 2, "{}", 2, &subscription));
    STATUS(FANFARE_E_JSON, fanfare_listen(e, modern, 0, "1", 1, "nope", 4, &subscription));
    raise.context = str("[]");
    STATUS(FANFARE_E_JSON, fanfare_notify_tool_list_changed(e, &raise, &n));
    params.capabilities = str("[]");
    FAILS(FANFARE_E_JSON, "capabilities", fanfare_session_open(e, &params, &opened));
    CHECK(subscription == 77 && opened == 77 && n == 77);
}

static void numbers(fanfare_engine *e, fanfare_session s, fanfare_config *c) {
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_session opened = 77;
    fanfare_raise raise;
    fanfare_stream stream = 77;
    size_t n = 77;
    char buf[4];
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
#define BAD(field, value, part)                                                       \
    do {                                                                              \
        params = session_params(FANFARE_PROFILE_LEGACY);                              \
        params.field = value;                                                         \
        FAILS(FANFARE_E_INVALID_ARGUMENT, part, fanfare_session_open(e, &params, &opened)); \
    } while (0)
    BAD(profile, 4, "profile is 4");
    BAD(profile, UINT32_MAX, "profile");
    BAD(revision, 20250101, "revision is 20250101");
    BAD(revision, FANFARE_REVISION_2026_07_28, "2026-07-28");
    BAD(handshake, 2, "handshake is 2");
    BAD(framing, 3, "framing is 3");
    BAD(overflow, 4, "overflow is 4");
    BAD(reserved, 1, "reserved is 1");
    BAD(struct_size, 0, "struct_size is 0");
    BAD(struct_size, 7, "struct_size is 7");
    BAD(struct_size, SIZE_MAX, "struct_size");
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_session_end(e, s, 7));
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_stream_open(e, s, 4, &stream));
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_engine_stats_text(e, 2, buf, sizeof buf, &n));
    STATUS(FANFARE_E_INVALID_ARGUMENT,
           fanfare_notify_logging_message(e, 8, NULL, 0, "1", 1, NULL, &n));
    STATUS(FANFARE_E_INVALID_ARGUMENT,
           fanfare_notify_alert(e, FANFARE_LEVEL_NOTICE, NULL, 0, "1", 1, NULL, &n));
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_notify(e, "", 0, NULL, 0, NULL, &n));
    raise.target = 5;
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_notify_tool_list_changed(e, &raise, &n));
    raise.target = 0;
    raise.reserved = 1;
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_notify_tool_list_changed(e, &raise, &n));
    raise.reserved = 0;
    raise.struct_size = 4;
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_notify_tool_list_changed(e, &raise, &n));
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_config_set(c, "no.such", "1"));
    FAILS(FANFARE_E_INVALID_ARGUMENT, "1000000",
          fanfare_config_set(c, "session.max_queued_frames", "-1"));
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_config_set_log(c, 8, NULL, NULL, NULL));
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_dispatcher_start(e, 0));
    STATUS(FANFARE_E_INVALID_ARGUMENT, fanfare_dispatcher_start(e, UINT32_MAX));
    CHECK(opened == 77 && stream == 77 && n == 77);
}

/* A program built with an older or a newer header. */
static void versions(fanfare_engine *e) {
    struct {
        fanfare_session_params known;
        uint64_t unknown;
    } newer;
    fanfare_session_params older = session_params(FANFARE_PROFILE_MODERN);
    fanfare_session opened = 0;
    uint32_t revision = 0;
    struct {
        fanfare_counters known;
        uint64_t unknown;
    } counters;

    older.struct_size = offsetof(fanfare_session_params, framing);
    older.framing = 99; /* Beyond what it knows: not looked at. */
    OK(fanfare_session_open(e, &older, &opened));
    OK(fanfare_session_revision(e, opened, &revision));
    CHECK(revision == FANFARE_REVISION_2026_07_28);

    memset(&newer, 0, sizeof newer);
    newer.known.struct_size = sizeof newer;
    OK(fanfare_session_open(e, &newer.known, &opened));
    newer.unknown = 1;
    STATUS(FANFARE_E_VERSION, fanfare_session_open(e, &newer.known, &opened));

    memset(&counters, 0xff, sizeof counters);
    counters.known.struct_size = offsetof(fanfare_counters, matched);
    OK(fanfare_engine_stats(e, &counters.known));
    CHECK(counters.known.raised == 0 && counters.known.matched == UINT64_MAX);
    counters.known.struct_size = sizeof counters;
    OK(fanfare_engine_stats(e, &counters.known));
    CHECK(counters.known.sessions == 4 && counters.unknown == 0);
    CHECK(counters.known.struct_size == sizeof counters);
}

int main(void) {
    fanfare_engine *e = new_engine();
    fanfare_config *c = fanfare_config_new();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN);
    fanfare_session modern = open_session(e, FANFARE_PROFILE_MODERN);
    huge(e, s);
    utf8(e, s, c);
    json(e, s, modern);
    numbers(e, s, c);
    versions(e);
    CHECK(read_all(e, s)[0] == '\0');
    /* What a client gets wrong is the client's matter, and no error of the call. */
    CHECK(receive(e, s, "\xff") == FANFARE_HANDLED);
    CHECK(receive(e, s, "") == FANFARE_HANDLED);
    fanfare_config_free(c);
    OK(fanfare_engine_free(e));
    return 0;
}
