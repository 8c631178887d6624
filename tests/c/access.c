/* Authorization: the host is asked who may hear of what, and takes it back. */
#include "check.h"

/* The host's own table: what it says of "a:", and what it was asked last. */
struct host {
    int32_t answer;
    size_t questions, drops;
    fanfare_access_request last;
    char principal[16], name[64];
    fanfare_engine *engine;
};

static void copy(char *into, size_t room, fanfare_str text) {
    CHECK(text.len < room);
    if (text.len != 0) memcpy(into, text.ptr, text.len);
    into[text.len] = '\0';
}

static int32_t answer(void *ctx, const fanfare_access_request *request) {
    struct host *host = ctx;
    size_t n = 0;
    host->questions++;
    host->last = *request;
    copy(host->principal, sizeof host->principal, request->principal);
    copy(host->name, sizeof host->name, request->name);
    /* No lock is held: it may call what it likes, but not free the engine. */
    OK(fanfare_subscriber_count(host->engine, "a:", 2, &n));
    STATUS(FANFARE_E_REENTRANT, fanfare_engine_free(host->engine));
    return strcmp(host->name, "a:") == 0 ? host->answer : FANFARE_ACCESS_ALLOW;
}

static void dropped(void *ctx) { ((struct host *)ctx)->drops++; }

static fanfare_engine *engine_of(struct host *host) {
    fanfare_config *config = fanfare_config_new();
    memset(host, 0, sizeof *host);
    OK(fanfare_config_set_authorize(config, answer, host, dropped));
    OK(fanfare_engine_new(config, &host->engine));
    fanfare_config_free(config);
    return host->engine;
}

static fanfare_session open_as(fanfare_engine *e, uint32_t profile, const char *principal, int *own) {
    fanfare_session_params params = session_params(profile);
    fanfare_session session = 0;
    params.principal = str(principal);
    params.user_data = own;
    OK(fanfare_session_open(e, &params, &session));
    return session;
}

static size_t update(fanfare_engine *e, const char *uri) {
    size_t matched = 77;
    OK(fanfare_notify_resource_updated(e, uri, strlen(uri), NULL, &matched));
    return matched;
}

static fanfare_revoked revoke(fanfare_engine *e, uint32_t topic, const char *name) {
    fanfare_revoked out;
    size_t len = name == NULL ? 0 : strlen(name);
    OK(fanfare_revoke(e, "bob", 3, topic, name, len, &out));
    return out;
}

static const char FILTER[] = "{\"resourceSubscriptions\":[\"a:\",\"b:\"]}";

static void subscribing(void) {
    struct host host;
    int own = 0;
    fanfare_engine *e = engine_of(&host);
    fanfare_session bob = open_as(e, FANFARE_PROFILE_MODERN, "bob", &own);
    fanfare_session old;
    fanfare_subscription sub = 77;
    host.answer = FANFARE_ACCESS_OMIT;
    OK(fanfare_listen(e, bob, 0, "1", 1, FILTER, sizeof FILTER - 1, &sub));
    CHECK(host.questions == 2 && host.last.session == bob && host.last.user_data == &own);
    CHECK(host.last.topic == FANFARE_TOPIC_RESOURCE && host.last.is_again == 0);
    CHECK(strcmp(host.principal, "bob") == 0 && strcmp(host.name, "b:") == 0);
    CHECK(strstr(read_all(e, bob), "[\"b:\"]") != NULL);
    CHECK(update(e, "a:") == 0 && update(e, "b:") == 1);

    host.answer = FANFARE_ACCESS_REFUSE;
    sub = 77;
    FAILS(FANFARE_E_DENIED, "access to \"a:\" is refused",
          fanfare_listen(e, bob, 0, "2", 1, FILTER, sizeof FILTER - 1, &sub));
    CHECK(sub == 77);
    /* What is none of the answers is a refusal. */
    host.answer = 99;
    old = open_as(e, FANFARE_PROFILE_LEGACY, "carol", &own);
    CHECK(host.last.topic == FANFARE_TOPIC_RESOURCE_LIST && host.last.name.ptr == NULL);
    FAILS(FANFARE_E_DENIED, "a:", fanfare_subscribe(e, old, "a:", 2));
    CHECK(host.drops == 0);
    OK(fanfare_engine_free(e));
    CHECK(host.drops == 1);
}

static void revoking(void) {
    struct host host;
    fanfare_engine *e = engine_of(&host);
    fanfare_session bob = open_as(e, FANFARE_PROFILE_MODERN, "bob", NULL);
    fanfare_subscription sub = 0;
    fanfare_revoked got;
    const char *text;
    OK(fanfare_listen(e, bob, 0, "1", 1, FILTER, sizeof FILTER - 1, &sub));
    read_all(e, bob);
    CHECK(update(e, "a:") == 1);
    host.answer = FANFARE_ACCESS_OMIT;
    got = revoke(e, FANFARE_TOPIC_RESOURCE, "a:");
    CHECK(got.asked == 1 && got.withdrawn == 1 && got.restored == 0 && got.ended == 0);
    CHECK(host.last.is_again == 1 && *read_all(e, bob) == '\0' && update(e, "a:") == 0);
    host.answer = FANFARE_ACCESS_ALLOW;
    got = revoke(e, FANFARE_TOPIC_ANY, NULL);
    CHECK(got.asked == 2 && got.restored == 1 && update(e, "a:") == 1);
    host.answer = FANFARE_ACCESS_REFUSE;
    got = revoke(e, FANFARE_TOPIC_ANY, NULL);
    CHECK(got.asked == 2 && got.withdrawn == 1 && got.ended == 1);
    text = read_all(e, bob);
    CHECK(count(text, "\n") == 1 && strstr(text, "\"reason\":\"revoked\"") != NULL);
    STATUS(FANFARE_E_GONE, fanfare_subscription_end(e, sub, FANFARE_END_GRACEFUL));
    got = revoke(e, FANFARE_TOPIC_TOOL_LIST, NULL);
    CHECK(got.asked == 0);
    OK(fanfare_revoke(e, NULL, 0, FANFARE_TOPIC_ANY, NULL, 0, NULL));
    OK(fanfare_engine_free(e));
}

static void wrong(void) {
    struct host host;
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *e = engine_of(&host), *plain = new_engine();
    fanfare_revoked out;
    memset(&out, 7, sizeof out);
    FAILS(FANFARE_E_NULL, "config", fanfare_config_set_authorize(NULL, answer, &host, dropped));
    FAILS(FANFARE_E_NULL, "fn", fanfare_config_set_authorize(config, NULL, &host, dropped));
    FAILS(FANFARE_E_NULL, "engine", fanfare_revoke(NULL, NULL, 0, 0, NULL, 0, &out));
    FAILS(FANFARE_E_NULL, "name",
          fanfare_revoke(e, NULL, 0, FANFARE_TOPIC_RESOURCE, NULL, 0, &out));
    FAILS(FANFARE_E_INVALID_ARGUMENT, "topic is 99", fanfare_revoke(e, NULL, 0, 99, NULL, 0, &out));
    FAILS(FANFARE_E_INVALID_ARGUMENT, "has no name",
          fanfare_revoke(e, NULL, 0, FANFARE_TOPIC_TOOL_LIST, "x", 1, &out));
    FAILS(FANFARE_E_UTF8, "principal", fanfare_revoke(e, "\xff", 1, 0, NULL, 0, &out));
    FAILS(FANFARE_E_STATE, "authorize", fanfare_revoke(plain, NULL, 0, 0, NULL, 0, &out));
    CHECK(out.asked == (size_t)0x0707070707070707 || sizeof(size_t) != 8);
    CHECK(host.drops == 0);
    fanfare_config_free(config);
    OK(fanfare_engine_free(e));
    OK(fanfare_engine_free(plain));
}

int main(void) {
    subscribing();
    revoking();
    wrong();
    return 0;
}
