// Long work: progress that is throttled, its completion, its cancellation, and a task.
//
//     c++ -std=c++17 progress.cpp -lfanfare && ./a.out
//
// Clients of both eras call a tool that takes a while. The worker raises progress as often as it
// likes; what each client hears is bounded by the option progress.min_interval_ms, and the result
// always comes last.

#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "fanfare.hpp"

namespace {

constexpr int STEPS = 6;

// Every modern request says who sends it, and this client knows tasks.
const std::string META = R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientCapabilities":{
        "extensions":{"io.modelcontextprotocol/tasks":{}}})";

const std::string TASK =
    R"("taskId":"t-1","createdAt":"2026-07-28T12:00:00Z",)"
    R"("lastUpdatedAt":"2026-07-28T12:00:00Z","ttlMs":null,"status":)";

void deliver(std::string_view name, fanfare::session &session) {
    fanfare::batch batch;
    for (const fanfare_frame &frame : session.recv(64, batch)) {
        std::cout << name << " <- " << fanfare::bytes(frame);
    }
}

// A message of the client has come in; whether the server must act on it.
bool says(fanfare::session &session, std::string_view message) {
    return session.receive(message) == fanfare::disposition::pass;
}

// readme: job
// One call of the tool, as its worker sees it. Id and token are JSON text, as the call gave them.
struct job {
    fanfare::engine &engine;
    fanfare::session &session;
    std::string id, token;
    int done = 0;
    bool is_cancelled = false;

    // Some of the work; whether there is more.
    bool step() {
        if (is_cancelled) return false;
        auto to = fanfare::raise::to_session(session.id());
        engine.notify_progress(token, ++done, STEPS, {}, to);
        return done < STEPS;
    }

    void answer() {
        session.send(R"({"jsonrpc":"2.0","id":)" + id +
                     R"(,"result":{"content":[{"type":"text","text":"indexed"}]}})");
    }
};
// readme: end

}  // namespace

int main() try {
    fanfare::config config;
    config.set("clock", "manual");
    config.set("progress.min_interval_ms", "100");
    auto engine = fanfare::engine::make(config);
    auto legacy = engine.open({fanfare::profile::legacy});
    auto modern = engine.open({fanfare::profile::modern});

    // readme: run
    std::vector<job> jobs;
    if (says(legacy, R"({"jsonrpc":"2.0","id":1,"method":"tools/call",
            "params":{"name":"index","_meta":{"progressToken":"job"}}})")) {
        jobs.push_back({engine, legacy, "1", R"("job")"});
    }
    if (says(modern, R"({"jsonrpc":"2.0","id":1,"method":"tools/call",
            "params":{"name":"index","_meta":{"progressToken":7,)" + META + "}}}")) {
        jobs.push_back({engine, modern, "1", "7"});
    }
    for (unsigned step = 0; step < STEPS; step++) {
        engine.advance(step * 40);
        for (job &job : jobs) job.step();
        std::cout << "# " << step * 40 << " ms: step " << step + 1 << " of " << STEPS << '\n';
        deliver("legacy", legacy);
        deliver("modern", modern);
    }
    std::cout << "# done\n";
    for (job &job : jobs) job.answer();
    deliver("legacy", legacy);
    deliver("modern", modern);
    // readme: end

    // readme: cancel
    std::cout << "# the legacy client calls again, and changes its mind\n";
    engine.advance(1000);
    says(legacy, R"({"jsonrpc":"2.0","id":2,"method":"tools/call",
        "params":{"name":"index","_meta":{"progressToken":"again"}}})");
    job again{engine, legacy, "2", R"("again")"};
    again.step();
    deliver("legacy", legacy);
    again.step();  // held back, as it comes too soon, and then withdrawn
    if (says(legacy, R"({"jsonrpc":"2.0","method":"notifications/cancelled",
            "params":{"requestId":2}})")) {
        again.is_cancelled = true;
    }
    while (again.step()) continue;
    std::cout << "# stopped after step " << again.done << '\n';
    try {
        again.answer();
    } catch (const fanfare::error &why) {
        std::cout << "# " << why.detail() << '\n';
    }
    engine.advance(2000);
    deliver("legacy", legacy);
    // readme: end

    // readme: task
    std::cout << "# the modern client's call becomes a task\n";
    says(modern, R"({"jsonrpc":"2.0","id":2,"method":"tools/call",
        "params":{"name":"index","_meta":{)" + META + "}}}");
    modern.send(R"({"jsonrpc":"2.0","id":2,"result":{"resultType":"task",)" + TASK +
                R"("working"}})");
    says(modern, R"({"jsonrpc":"2.0","id":"task","method":"subscriptions/listen",
        "params":{"notifications":{"taskIds":["t-1"]},"_meta":{)" + META + "}}}");
    deliver("modern", modern);
    for (int step = 1; step <= 3; step++) {  // while the client reads nothing
        auto message = R"("step )" + std::to_string(step) + R"( of 3")";
        engine.notify_task("{" + TASK + R"("working","statusMessage":)" + message + "}");
    }
    deliver("modern", modern);
    engine.notify_task("{" + TASK + R"("completed","result":{"content":[]}})");
    deliver("modern", modern);
    // readme: end
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
