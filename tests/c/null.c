/* NULL for every pointer of every function, one at a time: a status, a text that names it, and
   nothing else. */
#include "check.h"

#define NULL_FAILS(part, call) FAILS(FANFARE_E_NULL, part " is NULL", call)

static int32_t take(void *ctx, const fanfare_frame *frame) {
    (void)ctx;
    (void)frame;
    return FANFARE_VERDICT_ACCEPTED;
}

static void log_line(void *ctx, const fanfare_log_record *record) {
    (void)ctx;
    (void)record;
}

static void wake(void *ctx) { (void)ctx; }

static void pass(void *ctx, const char *message, size_t len) {
    (void)ctx;
    (void)message;
    (void)len;
}

static void lagged(void *ctx, const fanfare_lag *lag) {
    (void)ctx;
    (void)lag;
}

static void ended(void *ctx, fanfare_session session, uint32_t reason, void *user_data) {
    (void)ctx;
    (void)session;
    (void)reason;
    (void)user_data;
}

static void over(void *ctx, fanfare_session session, fanfare_stream stream, void *user_data) {
    (void)ctx;
    (void)session;
    (void)stream;
    (void)user_data;
}

/* A drop function that must not be called: every registration below fails. */
static void dropped(void *ctx) {
    (void)ctx;
    CHECK(!"the drop function of a failed registration");
}

static void library(void) {
    char one = 'x';
    size_t full = fanfare_last_error(NULL, 0);
    CHECK(fanfare_last_error(&one, 1) == full && one == '\0');
    CHECK(fanfare_last_error(NULL, 10) == 0);
    CHECK(strcmp(fanfare_status_name(FANFARE_E_GONE), "FANFARE_E_GONE") == 0);
    CHECK(strcmp(fanfare_status_name(INT32_MIN), "FANFARE_E_UNKNOWN") == 0);
    CHECK(strcmp(fanfare_status_text(12345), "not a status") == 0);
    CHECK(fanfare_version() == FANFARE_VERSION_NUMBER);
    CHECK(strcmp(fanfare_version_string(), FANFARE_VERSION_STRING) == 0);
}

static void config(void) {
    fanfare_config *c = fanfare_config_new();
    char buf[8];
    size_t len = 77;
    CHECK(c != NULL && fanfare_config_schema()[0] == '[');
    NULL_FAILS("config", fanfare_config_set(NULL, "overflow", "close"));
    NULL_FAILS("key", fanfare_config_set(c, NULL, "close"));
    NULL_FAILS("value", fanfare_config_set(c, "overflow", NULL));
    NULL_FAILS("config", fanfare_config_get(NULL, "overflow", buf, sizeof buf, &len));
    NULL_FAILS("key", fanfare_config_get(c, NULL, buf, sizeof buf, &len));
    NULL_FAILS("buf", fanfare_config_get(c, "overflow", NULL, 8, &len));
    NULL_FAILS("out_len", fanfare_config_get(c, "overflow", buf, sizeof buf, NULL));
    CHECK(len == 77);
    NULL_FAILS("config", fanfare_config_set_log(NULL, 0, log_line, NULL, dropped));
    NULL_FAILS("fn", fanfare_config_set_log(c, 0, NULL, NULL, dropped));
    NULL_FAILS("config", fanfare_config_set_wake(NULL, wake, NULL, dropped));
    NULL_FAILS("fn", fanfare_config_set_wake(c, NULL, NULL, dropped));
    NULL_FAILS("config", fanfare_config_set_deadline(NULL, wake, NULL, dropped));
    NULL_FAILS("fn", fanfare_config_set_deadline(c, NULL, NULL, dropped));
    NULL_FAILS("config", fanfare_config_set_lag(NULL, lagged, NULL, dropped));
    NULL_FAILS("fn", fanfare_config_set_lag(c, NULL, NULL, dropped));
    NULL_FAILS("config", fanfare_config_set_session_end(NULL, ended, NULL, dropped));
    NULL_FAILS("fn", fanfare_config_set_session_end(c, NULL, NULL, dropped));
    NULL_FAILS("config", fanfare_config_set_stream_end(NULL, over, NULL, dropped));
    NULL_FAILS("fn", fanfare_config_set_stream_end(c, NULL, NULL, dropped));
    fanfare_config_free(c);
    fanfare_config_free(NULL);
}

static void engine(fanfare_engine *e) {
    fanfare_session ready[2];
    uint64_t ms = 77;
    size_t n = 77;
    fanfare_counters counters;
    char buf[8];
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    NULL_FAILS("out", fanfare_engine_new(NULL, NULL));
    OK(fanfare_engine_free(NULL));
    NULL_FAILS("engine", fanfare_engine_advance(NULL, 1, &ms));
    NULL_FAILS("out_next_ms", fanfare_engine_advance(e, 1, NULL));
    NULL_FAILS("engine", fanfare_engine_tick(NULL, &ms));
    NULL_FAILS("out_wait_ms", fanfare_engine_tick(e, NULL));
    NULL_FAILS("engine", fanfare_engine_now(NULL, &ms));
    NULL_FAILS("out_now_ms", fanfare_engine_now(e, NULL));
    NULL_FAILS("engine", fanfare_engine_next_deadline(NULL, &ms));
    NULL_FAILS("out_next_ms", fanfare_engine_next_deadline(e, NULL));
    CHECK(fanfare_engine_fd(NULL) == -1);
    NULL_FAILS("engine", fanfare_engine_wait(NULL, 0, ready, 2, &n));
    NULL_FAILS("ready", fanfare_engine_wait(e, 0, NULL, 2, &n));
    NULL_FAILS("out_n", fanfare_engine_wait(e, 0, ready, 2, NULL));
    NULL_FAILS("engine", fanfare_engine_wakeup(NULL));
    NULL_FAILS("engine", fanfare_engine_stats(NULL, &counters));
    NULL_FAILS("fanfare_counters", fanfare_engine_stats(e, NULL));
    NULL_FAILS("engine", fanfare_engine_stats_text(NULL, 0, buf, sizeof buf, &n));
    NULL_FAILS("buf", fanfare_engine_stats_text(e, 0, NULL, 8, &n));
    NULL_FAILS("out_len", fanfare_engine_stats_text(e, 0, buf, sizeof buf, NULL));
    CHECK(ms == 77 && n == 77 && counters.raised == 0);
}

static void session(fanfare_engine *e, fanfare_session s) {
    fanfare_session_params params = session_params(FANFARE_PROFILE_OPEN);
    fanfare_session_counters counters;
    fanfare_session opened = 77;
    fanfare_stream stream = 77;
    uint32_t number = 77;
    void *user_data = e;
    memset(&counters, 0, sizeof counters);
    counters.struct_size = sizeof counters;
    NULL_FAILS("engine", fanfare_session_open(NULL, &params, &opened));
    NULL_FAILS("fanfare_session_params", fanfare_session_open(e, NULL, &opened));
    NULL_FAILS("out", fanfare_session_open(e, &params, NULL));
    params.principal.len = 3;
    NULL_FAILS("principal", fanfare_session_open(e, &params, &opened));
    NULL_FAILS("engine", fanfare_session_end(NULL, s, FANFARE_END_GRACEFUL));
    NULL_FAILS("engine", fanfare_session_close(NULL, s));
    NULL_FAILS("engine", fanfare_session_pause(NULL, s));
    NULL_FAILS("engine", fanfare_session_resume(NULL, s));
    NULL_FAILS("engine", fanfare_session_revision(NULL, s, &number));
    NULL_FAILS("out_revision", fanfare_session_revision(e, s, NULL));
    NULL_FAILS("engine", fanfare_session_user_data(NULL, s, &user_data));
    NULL_FAILS("out_user_data", fanfare_session_user_data(e, s, NULL));
    NULL_FAILS("engine", fanfare_session_stats(NULL, s, &counters));
    NULL_FAILS("fanfare_session_counters", fanfare_session_stats(e, s, NULL));
    NULL_FAILS("engine", fanfare_stream_open(NULL, s, FANFARE_STREAM_DUPLEX, &stream));
    NULL_FAILS("out", fanfare_stream_open(e, s, FANFARE_STREAM_DUPLEX, NULL));
    NULL_FAILS("engine", fanfare_stream_close(NULL, 1));
    NULL_FAILS("engine", fanfare_stream_default(NULL, s, &stream));
    NULL_FAILS("out", fanfare_stream_default(e, s, NULL));
    NULL_FAILS("engine", fanfare_stream_resume(NULL, s, "1-0", 3, &stream));
    NULL_FAILS("last_event_id", fanfare_stream_resume(e, s, NULL, 3, &stream));
    NULL_FAILS("out", fanfare_stream_resume(e, s, "1-0", 3, NULL));
    NULL_FAILS("engine", fanfare_stream_hang_up(NULL, 1, 0));
    CHECK(opened == 77 && stream == 77 && number == 77 && user_data == e);
}

static void messages(fanfare_engine *e, fanfare_session s) {
    uint32_t disposition = 77;
    fanfare_subscription subscription = 77;
    size_t n = 77;
    NULL_FAILS("engine", fanfare_receive(NULL, s, 0, "{}", 2, &disposition));
    NULL_FAILS("message", fanfare_receive(e, s, 0, NULL, 2, &disposition));
    NULL_FAILS("out_disposition", fanfare_receive(e, s, 0, "{}", 2, NULL));
    NULL_FAILS("engine", fanfare_receive_each(NULL, s, 0, "{}", 2, pass, NULL, &disposition));
    NULL_FAILS("message", fanfare_receive_each(e, s, 0, NULL, 2, pass, NULL, &disposition));
    NULL_FAILS("fn", fanfare_receive_each(e, s, 0, "{}", 2, NULL, NULL, &disposition));
    NULL_FAILS("out_disposition", fanfare_receive_each(e, s, 0, "{}", 2, pass, NULL, NULL));
    NULL_FAILS("engine", fanfare_receive_too_long(NULL, s, 0, &disposition));
    NULL_FAILS("out_disposition", fanfare_receive_too_long(e, s, 0, NULL));
    NULL_FAILS("engine", fanfare_send(NULL, s, 0, "{}", 2));
    NULL_FAILS("message", fanfare_send(e, s, 0, NULL, 2));
    NULL_FAILS("engine", fanfare_subscribe(NULL, s, "a:b", 3));
    NULL_FAILS("uri", fanfare_subscribe(e, s, NULL, 3));
    NULL_FAILS("engine", fanfare_unsubscribe(NULL, s, "a:b", 3));
    NULL_FAILS("uri", fanfare_unsubscribe(e, s, NULL, 3));
    NULL_FAILS("engine", fanfare_subscribe_template(NULL, s, "a:{b}", 5));
    NULL_FAILS("uri_template", fanfare_subscribe_template(e, s, NULL, 5));
    NULL_FAILS("engine", fanfare_unsubscribe_template(NULL, s, "a:{b}", 5));
    NULL_FAILS("uri_template", fanfare_unsubscribe_template(e, s, NULL, 5));
    NULL_FAILS("engine", fanfare_listen(NULL, s, 0, "1", 1, "{}", 2, &subscription));
    NULL_FAILS("id", fanfare_listen(e, s, 0, NULL, 1, "{}", 2, &subscription));
    NULL_FAILS("filter", fanfare_listen(e, s, 0, "1", 1, NULL, 2, &subscription));
    NULL_FAILS("out", fanfare_listen(e, s, 0, "1", 1, "{}", 2, NULL));
    NULL_FAILS("engine", fanfare_subscription_find(NULL, s, "1", 1, &subscription));
    NULL_FAILS("id", fanfare_subscription_find(e, s, NULL, 1, &subscription));
    NULL_FAILS("out", fanfare_subscription_find(e, s, "1", 1, NULL));
    NULL_FAILS("engine", fanfare_subscription_end(NULL, 1, FANFARE_END_GRACEFUL));
    NULL_FAILS("engine", fanfare_subscriber_count(NULL, "a:b", 3, &n));
    NULL_FAILS("uri", fanfare_subscriber_count(e, NULL, 3, &n));
    NULL_FAILS("out_n", fanfare_subscriber_count(e, "a:b", 3, NULL));
    CHECK(disposition == 77 && subscription == 77 && n == 77);
}

static void notify(fanfare_engine *e) {
    fanfare_raise raise;
    size_t n = 77;
    memset(&raise, 0, sizeof raise);
    raise.struct_size = sizeof raise;
    NULL_FAILS("engine", fanfare_notify(NULL, "a/b", 3, "{}", 2, NULL, &n));
    NULL_FAILS("method", fanfare_notify(e, NULL, 3, "{}", 2, NULL, &n));
    NULL_FAILS("params", fanfare_notify(e, "a/b", 3, NULL, 2, NULL, &n));
    raise.target = FANFARE_TARGET_PRINCIPAL;
    NULL_FAILS("principal", fanfare_notify(e, "a/b", 3, "{}", 2, &raise, &n));
    raise.target = FANFARE_TARGET_REQUEST;
    NULL_FAILS("request", fanfare_notify(e, "a/b", 3, "{}", 2, &raise, &n));
    raise.context.len = 1;
    NULL_FAILS("context", fanfare_notify(e, "a/b", 3, "{}", 2, &raise, &n));
    NULL_FAILS("engine", fanfare_notify_tool_list_changed(NULL, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_prompt_list_changed(NULL, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_resource_list_changed(NULL, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_resource_updated(NULL, "a:b", 3, NULL, &n));
    NULL_FAILS("uri", fanfare_notify_resource_updated(e, NULL, 3, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_progress(NULL, "1", 1, 1.0, 2.0, NULL, 0, NULL, &n));
    NULL_FAILS("token", fanfare_notify_progress(e, NULL, 1, 1.0, 2.0, NULL, 0, NULL, &n));
    NULL_FAILS("message", fanfare_notify_progress(e, "1", 1, 1.0, 2.0, NULL, 5, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_logging_message(NULL, 0, NULL, 0, "1", 1, NULL, &n));
    NULL_FAILS("logger", fanfare_notify_logging_message(e, 0, NULL, 3, "1", 1, NULL, &n));
    NULL_FAILS("data", fanfare_notify_logging_message(e, 0, NULL, 0, NULL, 1, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_task(NULL, "{}", 2, NULL, &n));
    NULL_FAILS("params", fanfare_notify_task(e, NULL, 2, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_task_status(NULL, "{}", 2, NULL, &n));
    NULL_FAILS("params", fanfare_notify_task_status(e, NULL, 2, NULL, &n));
    NULL_FAILS("engine", fanfare_notify_alert(NULL, 3, NULL, 0, "1", 1, NULL, &n));
    NULL_FAILS("data", fanfare_notify_alert(e, 3, NULL, 0, NULL, 1, NULL, &n));
    CHECK(n == 77);
    /* These may be NULL. */
    OK(fanfare_notify_tool_list_changed(e, NULL, NULL));
}

static void delivery(fanfare_engine *e, fanfare_session s) {
    fanfare_batch *batch = fanfare_batch_new();
    char buf[8];
    size_t n = 77;
    CHECK(batch != NULL);
    NULL_FAILS("engine", fanfare_read(NULL, s, buf, sizeof buf, &n));
    NULL_FAILS("buf", fanfare_read(e, s, NULL, 8, &n));
    NULL_FAILS("out_len", fanfare_read(e, s, buf, sizeof buf, NULL));
    NULL_FAILS("engine", fanfare_drain(NULL, buf, sizeof buf, &n));
    NULL_FAILS("buf", fanfare_drain(e, NULL, 8, &n));
    NULL_FAILS("out_len", fanfare_drain(e, buf, sizeof buf, NULL));
    NULL_FAILS("engine", fanfare_recv(NULL, s, 1, batch));
    NULL_FAILS("batch", fanfare_recv(e, s, 1, NULL));
    NULL_FAILS("engine", fanfare_recv_stream(NULL, 1, 1, batch));
    NULL_FAILS("batch", fanfare_recv_stream(e, 1, 1, NULL));
    NULL_FAILS("engine", fanfare_recv_vectored(NULL, s, 1, batch));
    NULL_FAILS("batch", fanfare_recv_vectored(e, s, 1, NULL));
    CHECK(fanfare_batch_vectored_frames(NULL, &n) == NULL);
    CHECK(fanfare_batch_vectored_frames(batch, NULL) == NULL && n == 77);
    CHECK(fanfare_batch_frames(NULL, &n) == NULL);
    CHECK(fanfare_batch_frames(batch, NULL) == NULL && n == 77);
    fanfare_batch_free(batch);
    fanfare_batch_free(NULL);
    NULL_FAILS("engine", fanfare_engine_on_frame(NULL, take, NULL, dropped));
    NULL_FAILS("fn", fanfare_engine_on_frame(e, NULL, NULL, dropped));
    NULL_FAILS("engine", fanfare_session_on_frame(NULL, s, take, NULL, dropped));
    NULL_FAILS("fn", fanfare_session_on_frame(e, s, NULL, NULL, dropped));
    NULL_FAILS("engine", fanfare_dispatch(NULL, 1, &n));
    NULL_FAILS("out_n", fanfare_dispatch(e, 1, NULL));
    NULL_FAILS("engine", fanfare_dispatcher_start(NULL, 1));
    NULL_FAILS("engine", fanfare_dispatcher_stop(NULL));
    CHECK(n == 77);
}

int main(void) {
    fanfare_engine *e = new_engine();
    fanfare_session s = open_session(e, FANFARE_PROFILE_OPEN);
    library();
    config();
    engine(e);
    session(e, s);
    messages(e, s);
    notify(e);
    delivery(e, s);
    OK(fanfare_engine_free(e));
    return 0;
}
