// Clients that hang up, break, or stop reading, and what becomes of what was queued for them.
//
//     c++ -std=c++17 clients_that_go_away.cpp -lfanfare && ./a.out
//
// Frames are taken by callbacks here. Each client has a context of its own, which goes with it.

#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "fanfare.hpp"

namespace {

constexpr std::string_view NOTE = "file:///notes/today.md";

// The server's end of a client's connection.
struct connection {
    const char *name;
    bool is_full = false;
    bool is_broken = false;
};

// readme: verdict
// What a client's callback needs. It goes with the session.
class context {
public:
    explicit context(const connection &to) : to_(to) {}
    context(const context &) = delete;
    context &operator=(const context &) = delete;
    ~context() { std::cout << "# " << to_.name << ": its context is dropped\n"; }

    fanfare::verdict take(const fanfare_frame &frame) const {
        if (to_.is_broken) return fanfare::verdict::gone;  // the session is closed
        if (to_.is_full) return fanfare::verdict::not_now;  // all stays queued, until resume()
        std::cout << to_.name << " <- " << fanfare::bytes(frame);
        return fanfare::verdict::accepted;
    }

private:
    const connection &to_;
};
// readme: end

// readme: hooks
// The connection is each session's user_data.
const char *name_of(void *user_data) { return static_cast<connection *>(user_data)->name; }

fanfare::engine make() {
    fanfare::config config;
    // Told with the first event that a client loses, and not with each.
    config.on_lag([](const fanfare_lag &lag) {
        std::cout << "# " << name_of(lag.user_data) << ": lags, " << lag.queued_frames
                  << " are queued\n";
    });
    // Told of each session that ended by anything but our own close().
    config.on_session_end([](fanfare_session, fanfare::end_reason reason, void *user_data) {
        std::cout << "# " << name_of(user_data) << ": ended, " << fanfare::name(reason) << '\n';
    });
    return fanfare::engine::make(config);
}
// readme: end

fanfare::session open(fanfare::engine &engine, connection &to,
                      fanfare::overflow policy = fanfare::overflow::of_engine) {
    fanfare::session_params params{fanfare::profile::legacy};
    params.user_data = &to;
    params.overflow = policy;
    params.max_queued_frames = 2;
    fanfare::session session = engine.open(params);
    session.on_frame([held = std::make_unique<context>(to)](const fanfare_frame &frame) {
        return held->take(frame);
    });
    session.subscribe(NOTE);
    return session;
}

// An event: it is merged with nothing.
void build(fanfare::engine &engine, int n) {
    engine.notify("notifications/build/done", R"({"build":)" + std::to_string(n) + "}");
}

void deliver(fanfare::engine &engine) {
    while (engine.dispatch() > 0) continue;
}

}  // namespace

int main() try {
    connection stays{"stayer"}, leaves{"leaver"}, breaks{"broken"};
    connection stalled[] = {{"oldest"}, {"newest"}, {"closed"}};
    fanfare::engine engine = make();
    auto stayer = open(engine, stays);

    std::cout << "# one hangs up while something is queued for it, one breaks\n";
    // readme: hang-up
    auto leaver = open(engine, leaves);
    auto broken = open(engine, breaks);
    build(engine, 1);
    leaver.close();           // we saw it hang up
    breaks.is_broken = true;  // this we shall see when we write to it
    deliver(engine);
    try {
        leaver.subscribe(NOTE);
    } catch (const fanfare::error &why) {
        std::cout << "# leaver: " << why.detail() << '\n';
    }
    // readme: end

    std::cout << "# three stop reading; each has room for two events\n";
    // readme: stall
    auto oldest = open(engine, stalled[0], fanfare::overflow::drop_oldest);
    auto newest = open(engine, stalled[1], fanfare::overflow::drop_newest);
    auto closed = open(engine, stalled[2], fanfare::overflow::close);
    for (connection &it : stalled) it.is_full = true;
    for (int n = 2; n < 6; n++) {
        engine.notify_resource_updated(NOTE);  // merged with the one that waits: it needs no room
        build(engine, n);
        deliver(engine);
    }

    std::cout << "# they read again\n";
    for (connection &it : stalled) it.is_full = false;
    for (auto *session : {&oldest, &newest}) session->resume();  // the third is gone
    deliver(engine);
    std::cout << "# lost: " << oldest.stats().dropped << " and " << newest.stats().dropped << '\n';
    // readme: end

    std::cout << "# the server shuts down\n";
    // readme: shutdown
    engine.notify_resource_updated(NOTE);
    for (auto *session : {&stayer, &oldest, &newest}) session->end(fanfare::end_reason::shutdown);
    deliver(engine);  // what is queued goes out before
    // readme: end
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
