// C++: owners that free themselves, errors as exceptions, callbacks from lambdas (fanfare.hpp).
//
//     c++ -std=c++17 raii.cpp -lfanfare && ./a.out

#include <cstdio>
#include <exception>

#include "fanfare.hpp"

namespace {

// readme: open
// A peer whose frames are printed. Instead of that they would be written to its socket; where that
// takes no more just now, the verdict is not_now, and the session waits for resume().
fanfare::session open(fanfare::engine &engine, fanfare::profile profile, const char *name) {
    fanfare::session session = engine.open({profile});
    session.on_frame([name](const fanfare_frame &frame) {
        std::printf("%s <- %.*s", name, static_cast<int>(frame.data.len), frame.data.ptr);
        return fanfare::verdict::accepted;
    });
    return session;
}
// readme: end

}  // namespace

int main() try {
    auto engine = fanfare::engine::make();
    auto legacy = open(engine, fanfare::profile::legacy, "legacy");
    auto modern = open(engine, fanfare::profile::modern, "modern");

    legacy.receive(R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
        "params":{"uri":"doc://7"}})");
    modern.receive(R"({"jsonrpc":"2.0","id":"listen","method":"subscriptions/listen",
        "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                           "io.modelcontextprotocol/clientCapabilities":{}},
                  "notifications":{"resourceSubscriptions":["doc://7"]}}})");
    legacy.receive(R"({"jsonrpc":"2.0","id":2,"method":"tools/call",
        "params":{"name":"index","_meta":{"progressToken":"job"}}})");

    engine.notify_resource_updated("doc://7");
    engine.notify_progress("\"job\"", 1, 2);
    engine.dispatch();
    engine.notify_progress("\"job\"", 2, 2);
    engine.notify_alert(fanfare::level::alert, "disk", R"({"disk":"nearly full"})");
    legacy.send(R"({"jsonrpc":"2.0","id":2,"result":{"content":[]}})");
    engine.dispatch();

    legacy.close();
    try {
        legacy.receive("{}");
    } catch (const fanfare::error &error) {
        std::printf("refused: %s\n", error.what());
    }
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
