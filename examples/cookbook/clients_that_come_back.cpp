// Clients that lose their connection and come back: what they missed, and how they get it.
//
//     c++ -std=c++17 clients_that_come_back.cpp -lfanfare && ./a.out
//
// A legacy client (2025-11-25) over HTTP resumes its streams by Last-Event-ID. A modern one
// (2026-07-28) listens anew, and reads everything again.

#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "fanfare.hpp"

namespace {

constexpr std::string_view NOTE = "file:///notes/today.md";

// readme: hear
// Prints what waits in a session or a stream; the last event id, as a client remembers it.
template <class Source>
std::string hear(std::string_view name, Source &source) {
    std::string last;
    fanfare::batch batch;
    for (const fanfare_frame &frame : source.recv(64, batch)) {
        for (std::string_view rest = fanfare::bytes(frame); !rest.empty();) {
            std::string_view line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(line.size() + 1);
            if (line.empty()) continue;  // the end of an event
            if (line.substr(0, 4) == "id: ") last = line.substr(4);
            line.remove_suffix(line.back() == ' ' ? 1 : 0);
            std::cout << name << " <- " << line << '\n';
        }
    }
    return last;
}
// readme: end

void legacy(fanfare::engine &engine) {
    fanfare::session_params params{fanfare::profile::legacy};
    params.framing = fanfare::framing::sse;
    auto session = engine.open(params);
    std::cout << "# a call, whose connection breaks before the answer\n";
    // readme: resume
    auto call = session.open_stream(fanfare::stream_kind::request);
    session.receive(R"({"jsonrpc":"2.0","id":1,"method":"tools/call",
        "params":{"name":"index","_meta":{"progressToken":"job"}}})",
                    call.id());
    engine.notify_progress(R"("job")", 1, 4);
    std::string last = hear("legacy", call);
    engine.notify_progress(R"("job")", 2, 4);
    fanfare::batch lost;
    call.recv(64, lost);  // written to a connection that is gone already
    call.close();         // now we know; the work goes on

    engine.notify_progress(R"("job")", 3, 4);
    engine.notify_progress(R"("job")", 4, 4);
    session.send(R"({"jsonrpc":"2.0","id":1,"result":{"content":[]}})");

    std::cout << "# it is back, with Last-Event-ID: " << last << '\n';
    auto again = session.resume_stream(last);
    hear("legacy", again);
    // readme: end

    std::cout << "# the stream for what belongs to no call breaks too, and the client is away for "
                 "long\n";
    // readme: too-late
    session.subscribe(NOTE);
    auto listening = session.open_stream(fanfare::stream_kind::standalone);
    engine.notify_resource_updated(NOTE);
    last = hear("legacy", listening);
    engine.notify_resource_updated(NOTE);
    listening.recv(64, lost);
    listening.close();
    engine.advance(600'000);
    try {
        session.resume_stream(last);
    } catch (const fanfare::error &why) {
        std::cout << "# " << why.detail() << '\n';
    }
    listening = session.open_stream(fanfare::stream_kind::standalone);
    engine.notify_resource_updated(NOTE);  // here it would read the note, and all that it knows of
    hear("legacy", listening);
    // readme: end
}

void modern(fanfare::engine &engine) {
    static constexpr std::string_view LISTEN =
        R"({"jsonrpc":"2.0","id":"notes","method":"subscriptions/listen",
        "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                           "io.modelcontextprotocol/clientCapabilities":{}},
                  "notifications":{"resourceSubscriptions":["file:///notes/today.md"]}}})";
    std::cout << "# a listen, whose connection breaks\n";
    // readme: listen
    auto session = engine.open({fanfare::profile::modern});
    session.receive(LISTEN);
    hear("modern", session);
    engine.notify_resource_updated(NOTE);  // queued, and lost with the connection
    session.close();
    std::cout << "# while it is away, " << engine.notify_resource_updated(NOTE) << " hear of it\n";

    std::cout << "# it is back\n";
    session = engine.open({fanfare::profile::modern});
    session.receive(LISTEN);
    hear("modern", session);  // acknowledged: now it reads the note again
    engine.notify_resource_updated(NOTE);
    hear("modern", session);
    // readme: end
}

}  // namespace

int main() try {
    fanfare::config config;
    config.set("clock", "manual");
    config.set("sse.keep_alive_ms", "0");
    auto engine = fanfare::engine::make(config);
    legacy(engine);
    modern(engine);
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
