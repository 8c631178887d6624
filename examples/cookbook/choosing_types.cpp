// Which type to raise for what: what is left of each for a client that was slow.
//
//     c++ -std=c++17 choosing_types.cpp -lfanfare && ./a.out
//
// Everything is raised three times. The quick client reads after each raising, the slow one when
// the third is over; it has room for two events, and chose to lose the oldest.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "fanfare.hpp"

namespace {

constexpr std::string_view NOTE = "file:///notes/today.md";

const std::string TASK =
    R"("taskId":"t-1","createdAt":"2025-11-25T12:00:00Z",)"
    R"("lastUpdatedAt":"2025-11-25T12:00:00Z","ttl":null,"status":"working")";

// Prints what waits for a client; how many frames it was.
std::size_t hear(std::string_view name, fanfare::session &session) {
    fanfare::batch batch;
    auto frames = session.recv(64, batch);
    for (const fanfare_frame &frame : frames) {
        std::cout << name << " <- " << fanfare::bytes(frame);
    }
    return frames.size();
}

// readme: kinds
// It changed, read it again: a notice for that resource.
void one_resource(fanfare::engine &engine, int) { engine.notify_resource_updated(NOTE); }

// What there is changed: a notice for the list.
void the_list(fanfare::engine &engine, int) { engine.notify_tool_list_changed(); }

// The newest is all that counts: progress.
void how_far(fanfare::engine &engine, int n) {
    for (const char *token : {R"("quick")", R"("slow")"}) engine.notify_progress(token, n, 3);
}

// The state of long work that outlives its request: each one told.
void a_task(fanfare::engine &engine, int n) {
    auto message = R"("step )" + std::to_string(n) + R"( of 3")";
    engine.notify_task_status("{" + TASK + R"(,"statusMessage":)" + message + "}");
}

// Each one counts: a message, which is an event.
void something_wrong(fanfare::engine &engine, int n) {
    auto data = R"({"failures":)" + std::to_string(n) + "}";
    engine.notify_alert(fanfare::level::error, "build", data);
}

// Each one counts, and MCP has no word for it: an event of your own.
void your_own(fanfare::engine &engine, int n) {
    engine.notify("notifications/build/done", R"({"build":)" + std::to_string(n) + "}");
}
// readme: end

struct kind {
    std::string_view title;
    void (*raise)(fanfare::engine &, int);
};

constexpr kind KINDS[] = {
    {"one resource", one_resource}, {"the list", the_list}, {"how far", how_far},
    {"a task", a_task}, {"something wrong", something_wrong}, {"your own", your_own},
};

}  // namespace

int main() try {
    auto engine = fanfare::engine::make();
    auto quick = engine.open({fanfare::profile::legacy});
    fanfare::session_params params{fanfare::profile::legacy};
    params.max_queued_frames = 2;
    params.overflow = fanfare::overflow::drop_oldest;
    auto slow = engine.open(params);
    for (auto *session : {&quick, &slow}) {
        // Each client chooses its own tokens; here they can be told apart.
        std::string name = session == &quick ? "quick" : "slow";
        session->receive(R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
            "params":{"uri":"file:///notes/today.md"}})");
        session->receive(R"({"jsonrpc":"2.0","id":2,"method":"tools/call",
            "params":{"name":"index","_meta":{"progressToken":")" + name + R"("}}})");
        hear(name, *session);
    }

    // readme: slow
    for (const kind &kind : KINDS) {
        std::cout << "# " << kind.title << ", three times\n";
        std::size_t heard = 0;
        std::uint64_t lost_before = slow.stats().dropped;
        for (int n = 1; n <= 3; n++) {
            kind.raise(engine, n);
            heard += hear("quick", quick);
        }
        std::size_t late = hear("slow", slow);
        std::uint64_t lost = slow.stats().dropped - lost_before;
        std::cout << "# " << kind.title << ": quick heard " << heard << ", slow " << late
                  << " and lost " << lost << '\n';
    }
    // readme: end
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
