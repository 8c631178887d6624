/* A resource changes, and three kinds of clients hear of it.
 *
 *     cc resource_updates.c -lfanfare && ./a.out
 *
 * The legacy client (2025-11-25) subscribes with resources/subscribe, the modern one (2026-07-28)
 * with subscriptions/listen, and a part of the program itself chooses the types that it wants. The
 * server does not need to know which is which. */
#include "client.h"

#define OTHER "file:///notes/old.md"

typedef struct {
    fanfare_session legacy, modern, inside;
} clients;

static void deliver(fanfare_engine *engine, const clients *to) {
    hears(engine, "legacy", to->legacy);
    hears(engine, "modern", to->modern);
    hears(engine, "inside", to->inside);
}

/* Three clients, each with its own way to say what it wants. */
static clients subscribe(fanfare_engine *engine) {
    clients all;
    /* readme: subscribe */
    all.legacy = open_client(engine, FANFARE_PROFILE_LEGACY);
    says(engine, all.legacy,
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
         "\"params\":{\"uri\":\"" NOTE "\"}}");

    all.modern = open_client(engine, FANFARE_PROFILE_MODERN);
    says(engine, all.modern,
         "{\"jsonrpc\":\"2.0\",\"id\":\"notes\",\"method\":\"subscriptions/listen\","
         "\"params\":{\"_meta\":{" MODERN_META "},\"notifications\":{"
         "\"resourceSubscriptions\":[\"" NOTE "\"],\"resourcesListChanged\":true}}}");

    all.inside = open_client(engine, FANFARE_PROFILE_OPEN);
    says(engine, all.inside,
         "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscribe\","
         "\"params\":{\"types\":[\"resources/updated\"]}}");
    /* readme: end */
    return all;
}

int main(void) {
    fanfare_config *config = fanfare_config_new();
    fanfare_engine *engine = NULL;
    size_t reached = 0, subscribers = 0;
    uint64_t next_ms = 0;
    /* Time is what this program says it is, so that it prints the same whenever it is run. */
    must(fanfare_config_set(config, "clock", "manual"));
    must(fanfare_config_set(config, "debounce.resource_list_ms", "500"));
    must(fanfare_engine_new(config, &engine));
    fanfare_config_free(config);
    clients all = subscribe(engine);
    deliver(engine, &all);

    /* readme: raise */
    puts("# the note is written");
    must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, NULL));
    deliver(engine, &all);

    puts("# the note is written a hundred times before anybody reads");
    for (int n = 0; n < 100; n++)
        must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, NULL));
    deliver(engine, &all);

    puts("# another note is written");
    must(fanfare_notify_resource_updated(engine, OTHER, strlen(OTHER), NULL, &reached));
    printf("# reached %zu\n", reached);
    deliver(engine, &all);
    /* readme: end */

    /* readme: list */
    for (uint64_t now = 0; now < 500; now += 50) {
        must(fanfare_engine_advance(engine, now, &next_ms));
        printf("# %u ms: a note is made\n", (unsigned)now);
        must(fanfare_notify_resource_list_changed(engine, NULL, NULL));
        deliver(engine, &all);
    }
    must(fanfare_engine_advance(engine, 500, &next_ms));
    puts("# 500 ms");
    deliver(engine, &all);
    /* readme: end */

    puts("# two of them have had enough");
    says(engine, all.legacy,
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/unsubscribe\","
         "\"params\":{\"uri\":\"" NOTE "\"}}");
    says(engine, all.modern,
         "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
         "\"params\":{\"requestId\":\"notes\"}}");
    /* readme: count */
    must(fanfare_subscriber_count(engine, NOTE, strlen(NOTE), &subscribers));
    if (subscribers > 0) { /* Else nobody needs to look whether it has changed. */
        must(fanfare_notify_resource_updated(engine, NOTE, strlen(NOTE), NULL, &reached));
        printf("# reached %zu\n", reached);
    }
    /* readme: end */
    deliver(engine, &all);
    must(fanfare_engine_free(engine));
    return 0;
}
