// A resource changes, and three kinds of clients hear of it.
//
//     c++ -std=c++17 resource_updates.cpp -lfanfare && ./a.out
//
// The legacy client (2025-11-25) subscribes with resources/subscribe, the modern one (2026-07-28)
// with subscriptions/listen, and a part of the program itself chooses the types that it wants. The
// server does not need to know which is which.

#include <exception>
#include <iostream>
#include <string_view>
#include <utility>

#include "fanfare.hpp"

namespace {

constexpr std::string_view NOTE = "file:///notes/today.md", OTHER = "file:///notes/old.md";

struct clients {
    fanfare::session legacy, modern, inside;
};

// What waits for a client. A server writes it to the client's socket.
void deliver(std::string_view name, fanfare::session &session) {
    fanfare::batch batch;
    for (const fanfare_frame &frame : session.recv(64, batch)) {
        std::cout << name << " <- " << fanfare::bytes(frame);
    }
}

void deliver(clients &to) {
    deliver("legacy", to.legacy);
    deliver("modern", to.modern);
    deliver("inside", to.inside);
}

// Three clients, each with its own way to say what it wants.
clients subscribe(fanfare::engine &engine) {
    // readme: subscribe
    auto legacy = engine.open({fanfare::profile::legacy});
    legacy.receive(R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
        "params":{"uri":"file:///notes/today.md"}})");

    auto modern = engine.open({fanfare::profile::modern});
    modern.receive(R"({"jsonrpc":"2.0","id":"notes","method":"subscriptions/listen",
        "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                           "io.modelcontextprotocol/clientCapabilities":{}},
                  "notifications":{"resourceSubscriptions":["file:///notes/today.md"],
                                   "resourcesListChanged":true}}})");

    auto inside = engine.open({fanfare::profile::open});
    inside.receive(R"({"jsonrpc":"2.0","method":"notifications/subscribe",
        "params":{"types":["resources/updated"]}})");
    // readme: end
    return {std::move(legacy), std::move(modern), std::move(inside)};
}

}  // namespace

int main() try {
    // Time is what this program says it is, so that it prints the same whenever it is run.
    fanfare::config config;
    config.set("clock", "manual");
    config.set("debounce.resource_list_ms", "500");
    auto engine = fanfare::engine::make(config);
    clients all = subscribe(engine);
    deliver(all);

    // readme: raise
    std::cout << "# the note is written\n";
    engine.notify_resource_updated(NOTE);
    deliver(all);

    std::cout << "# the note is written a hundred times before anybody reads\n";
    for (int n = 0; n < 100; n++) engine.notify_resource_updated(NOTE);
    deliver(all);

    std::cout << "# another note is written\n";
    std::cout << "# reached " << engine.notify_resource_updated(OTHER) << '\n';
    deliver(all);
    // readme: end

    // readme: list
    for (unsigned now = 0; now < 500; now += 50) {
        engine.advance(now);
        std::cout << "# " << now << " ms: a note is made\n";
        engine.notify_resource_list_changed();
        deliver(all);
    }
    engine.advance(500);
    std::cout << "# 500 ms\n";
    deliver(all);
    // readme: end

    std::cout << "# two of them have had enough\n";
    all.legacy.receive(R"({"jsonrpc":"2.0","id":2,"method":"resources/unsubscribe",
        "params":{"uri":"file:///notes/today.md"}})");
    all.modern.receive(R"({"jsonrpc":"2.0","method":"notifications/cancelled",
        "params":{"requestId":"notes"}})");
    // readme: count
    if (engine.subscriber_count(NOTE) > 0) {  // else nobody needs to look whether it has changed
        std::cout << "# reached " << engine.notify_resource_updated(NOTE) << '\n';
    }
    // readme: end
    deliver(all);
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
