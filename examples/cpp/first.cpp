// The first program in C++: a client subscribes to a document, the document changes, and what is to
// be written to the client is taken out.
//
//     c++ -std=c++17 first.cpp $(pkg-config --cflags --libs fanfare) && ./a.out

#include <cstdio>
#include <exception>
#include <fanfare.hpp>

namespace {

// readme: write
// Everything that waits, whoever it is for. The batch lends the frames until something else is taken
// into it.
void write(fanfare::engine &engine) {
    fanfare::batch batch;
    for (;;) {
        auto frames = engine.recv(64, batch);
        if (frames.empty()) return;
        for (const fanfare_frame &frame : frames)
            std::printf("%.*s", static_cast<int>(frame.data.len), frame.data.ptr);
    }
}
// readme: end

}  // namespace

int main() try {
    auto engine = fanfare::engine::make();
    // A client of 2025-06-18 whose handshake is behind it.
    auto client = engine.open({fanfare::profile::legacy, FANFARE_REVISION_2025_06_18});

    // What it sent, and what happened in the application.
    client.receive(R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
        "params":{"uri":"doc://7"}})");
    engine.notify_resource_updated("doc://7");
    write(engine);

    // readme: errors
    try {
        engine.notify("notifications/build/done", "{");
    } catch (const fanfare::error &error) {
        if (error.code() != FANFARE_E_JSON) throw;
        std::printf("%s\n", error.what());
    }
    // readme: end
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
