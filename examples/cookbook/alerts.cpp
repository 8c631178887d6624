// Something is wrong: who is told, from which level on, and why no alert is merged away.
//
//     c++ -std=c++17 alerts.cpp -lfanfare && ./a.out
//
// Alerts are notifications/message. Legacy clients hear of them from the level that they set with
// logging/setLevel, modern ones within a request that asked for a level, open sessions if they want
// the type.

#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "fanfare.hpp"

namespace {

constexpr std::string_view NOTE = "file:///notes/today.md";

void deliver(std::string_view name, fanfare::session &session) {
    fanfare::batch batch;
    for (const fanfare_frame &frame : session.recv(64, batch)) {
        std::cout << name << " <- " << fanfare::bytes(frame);
    }
}

// A request in flight that asked for log messages.
struct call {
    fanfare_session session;
    std::string_view id;
};

// readme: alarm
// Tells everyone who may be told at any time, and each call that asked for it.
void alarm(fanfare::engine &engine, fanfare::level level, std::string_view data,
           const std::vector<call> &calls) {
    std::size_t reached = engine.notify_alert(level, "disk", data);
    for (const call &call : calls) {
        auto to = fanfare::raise::to_request(call.session, call.id);
        reached += engine.notify_alert(level, "disk", data, to);
    }
    std::cout << "# reached " << reached << '\n';
}
// readme: end

}  // namespace

int main() try {
    // It is told of the session that stalls, below.
    fanfare_session ended = 0;
    bool has_lagged = false;
    fanfare::config config;
    config.on_session_end([&](fanfare_session session, fanfare::end_reason reason, void *) {
        ended = session;
        has_lagged = reason == fanfare::end_reason::lagged;
    });
    auto engine = fanfare::engine::make(config);

    // readme: levels
    auto legacy = engine.open({fanfare::profile::legacy});
    legacy.receive(R"({"jsonrpc":"2.0","id":1,"method":"logging/setLevel",
        "params":{"level":"error"}})");
    legacy.receive(R"({"jsonrpc":"2.0","id":2,"method":"resources/subscribe",
        "params":{"uri":"file:///notes/today.md"}})");

    auto modern = engine.open({fanfare::profile::modern});
    modern.receive(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"index",
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                 "io.modelcontextprotocol/clientCapabilities":{},
                 "io.modelcontextprotocol/logLevel":"warning"}}})");
    std::vector<call> calls{{modern.id(), "1"}};

    auto inside = engine.open({fanfare::profile::open});
    inside.receive(R"({"jsonrpc":"2.0","method":"notifications/subscribe",
        "params":{"types":["message","disk/full"]}})");
    // readme: end
    auto deliver_all = [&] {
        deliver("legacy", legacy);
        deliver("modern", modern);
        deliver("inside", inside);
    };
    deliver_all();

    std::cout << "# little room is left, and then nearly none\n";
    alarm(engine, fanfare::level::warning, R"({"free":"10%"})", calls);
    alarm(engine, fanfare::level::critical, R"({"free":"1%"})", calls);
    deliver_all();

    // readme: merge
    std::cout << "# alerts and writes, while nobody reads\n";
    for (std::string_view data : {R"({"free":"3%"})", R"({"free":"2%"})", R"({"free":"1%"})"}) {
        alarm(engine, fanfare::level::alert, data, calls);
        engine.notify_resource_updated(NOTE);
    }
    deliver_all();
    // readme: end

    // readme: custom
    std::cout << "# a type of our own, for those inside\n";
    auto to_inside = fanfare::raise::to_session(inside.id());
    engine.notify("notifications/disk/full", R"({"disk":"/dev/sda1"})", to_inside);
    deliver_all();
    // readme: end

    try {
        engine.notify_alert(fanfare::level::info, {}, R"("all is well")");
    } catch (const fanfare::error &why) {
        std::cout << "# " << why.detail() << '\n';
    }

    // readme: bound
    std::cout << "# one that never reads, and has room for two\n";
    fanfare::session_params room_for_two{fanfare::profile::legacy};
    room_for_two.max_queued_frames = 2;
    auto stalled = engine.open(room_for_two);
    auto to_stalled = fanfare::raise::to_session(stalled.id());
    for (int n = 1; n <= 3; n++) {
        engine.notify_alert(fanfare::level::alert, "disk", std::to_string(n), to_stalled);
    }
    if (ended == stalled.id() && has_lagged) std::cout << "# stalled: ended, lagged\n";
    // readme: end
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
