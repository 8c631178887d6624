// Owners, text, callbacks and exceptions of fanfare.hpp.
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "check.hpp"
#include "fanfare.hpp"

namespace {

template <class T>
constexpr bool is_owner = std::is_nothrow_move_constructible_v<T> && std::is_move_assignable_v<T> &&
                          !std::is_copy_constructible_v<T>;

static_assert(is_owner<fanfare::session> && is_owner<fanfare::stream> && is_owner<fanfare::batch>);
static_assert(is_owner<fanfare::config> && is_owner<fanfare::engine>);

const char *const updated =
    R"({"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"doc://7"}})";

fanfare::session_params json(fanfare::profile profile) {
    fanfare::session_params params;
    params.profile = profile;
    params.framing = fanfare::framing::json;
    return params;
}

// What a call throws; it has to.
template <class Call>
fanfare::error thrown(Call call) {
    try {
        call();
    } catch (const fanfare::error &error) {
        return error;
    }
    FAIL("it does not throw");
}

std::vector<std::string> drained(fanfare::engine &engine) {
    fanfare::batch batch;
    std::vector<std::string> texts;
    for (const fanfare_frame &frame : engine.recv(100, batch)) {
        texts.emplace_back(fanfare::bytes(frame));
    }
    return texts;
}

void owners() {
    auto engine = fanfare::engine::make();
    auto first = engine.open(json(fanfare::profile::legacy));
    auto second = engine.open(json(fanfare::profile::legacy));
    CHECK(engine.stats().sessions == 2);

    // What was moved from is nobody, and what is overwritten goes.
    fanfare_session id = second.id();
    first = std::move(second);
    CHECK(engine.stats().sessions == 1 && first.id() == id && second.id() == 0);
    CHECK(thrown([&] { second.subscribe("doc://7"); }).code() == FANFARE_E_NULL);
    first.subscribe("doc://7");
    CHECK(engine.notify_resource_updated("doc://7") == 1);
    CHECK(drained(engine) == std::vector<std::string>{updated});
    CHECK(engine.subscriber_count("doc://7") == 1);
    {
        fanfare::session last = std::move(first);
        CHECK(engine.stats().sessions == 1);
    }
    CHECK(engine.stats().sessions == 0);

    // One that was given up is the host's to close.
    fanfare_session kept = engine.open(json(fanfare::profile::legacy)).release();
    CHECK(engine.stats().sessions == 1);
    CHECK(fanfare_session_close(engine.raw(), kept) == FANFARE_OK);

    // A session keeps its engine.
    fanfare::session orphan = engine.open(json(fanfare::profile::open));
    engine = fanfare::engine();
    CHECK(thrown([&] { engine.stats(); }).code() == FANFARE_E_NULL);
    char buf[256];
    CHECK(orphan.read(buf, sizeof buf) == 0);
    orphan.end(fanfare::end_reason::graceful);
}

void messages() {
    auto engine = fanfare::engine::make();
    auto session = engine.open(json(fanfare::profile::legacy));
    CHECK(session.receive(R"({"jsonrpc":"2.0","id":1,"method":"ping"})") ==
          fanfare::disposition::handled);
    std::string passed;
    auto said = session.receive_each(R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})",
                                     [&](std::string_view text) { passed = text; });
    CHECK(said == fanfare::disposition::pass && passed.find("tools/list") != std::string::npos);
    session.send(R"({"jsonrpc":"2.0","id":2,"result":{"tools":[]}})");
    CHECK(drained(engine).size() == 2);

    // What a function throws that is called meanwhile comes out here, once.
    try {
        session.receive_each(R"({"jsonrpc":"2.0","id":3,"method":"tools/list"})",
                             [](std::string_view) { throw std::string("mine"); });
        FAIL("it does not throw");
    } catch (const std::string &mine) {
        CHECK(mine == "mine");
    }
    CHECK(session.stats().requests == 1);

    auto gone = fanfare::engine::make().open(json(fanfare::profile::open));
    gone.close();
    auto error = thrown([&] { gone.pause(); });
    CHECK(error.code() == FANFARE_E_GONE && std::string(error.name()) == "FANFARE_E_GONE");
    CHECK(std::string(error.what()) == "FANFARE_E_GONE: " + error.detail());

    // A buffer that is too small loses nothing, and the error says what it takes.
    session.subscribe("doc://7");
    CHECK(engine.notify_resource_updated("doc://7") == 1);
    char small[4], large[256];
    auto truncated = thrown([&] { session.read(small, sizeof small); });
    CHECK(truncated.code() == FANFARE_TRUNCATED);
    CHECK(truncated.detail().find(std::to_string(std::string_view(updated).size())) !=
          std::string::npos);
    CHECK(std::string(large, session.read(large, sizeof large)) == updated);
}

void targets() {
    auto engine = fanfare::engine::make();
    auto params = json(fanfare::profile::open);
    params.principal = "ann";
    auto ann = engine.open(params);
    params.principal = "bob";
    auto bob = engine.open(params);
    CHECK(engine.notify("notifications/x") == 2);
    CHECK(engine.notify("notifications/x", "{}", fanfare::raise::to_session(ann.id())) == 1);
    CHECK(engine.notify("notifications/x", "{}", fanfare::raise::to_all_but(ann.id())) == 1);
    CHECK(engine.notify("notifications/x", "{}", fanfare::raise::to_principal("carl")) == 0);
    drained(engine);
    auto context = fanfare::raise::to_principal("bob").with_context(R"({"example/a":1})");
    CHECK(engine.notify_resource_updated("doc://7", context) == 1);
    auto texts = drained(engine);
    CHECK(texts.size() == 1 && texts[0].find(R"("example/a":1)") != std::string::npos);
    // Everybody and no context is said by NULL, everybody with one is not.
    CHECK(fanfare::raise().raw() == nullptr);
    context = fanfare::raise().with_context(R"({"example/b":2})");
    CHECK(engine.notify_resource_updated("doc://7", context) == 2);
    texts = drained(engine);
    CHECK(texts.size() == 2 && texts[0].find(R"("example/b":2)") != std::string::npos);
    CHECK(engine.notify_tool_list_changed() == 2 && engine.notify_prompt_list_changed() == 2);
    CHECK(engine.notify_resource_list_changed() == 2);
    CHECK(engine.notify_progress("7", 1) == 2 && engine.notify_progress("8", 1, 2, "half") == 2);
    CHECK(engine.notify_logging_message(fanfare::level::info, "x", "{}") == 2);
    CHECK(engine.notify_alert(fanfare::level::alert, "x", "{}") == 2);
    auto quiet = thrown([&] { engine.notify_alert(fanfare::level::info, "x", "{}"); });
    CHECK(quiet.code() == FANFARE_E_INVALID_ARGUMENT);
}

void streams_and_listens() {
    auto engine = fanfare::engine::make();
    auto session = engine.open(json(fanfare::profile::modern));
    auto listen = session.listen("\"l\"", R"({"resourceSubscriptions":["doc://7"]})");
    CHECK(engine.notify_resource_updated("doc://7") == 1 && drained(engine).size() == 2);
    listen.end(fanfare::end_reason::graceful);
    CHECK(engine.notify_resource_updated("doc://7") == 0 && drained(engine).size() == 1);

    auto params = json(fanfare::profile::legacy);
    params.framing = fanfare::framing::sse;
    auto legacy = engine.open(params);
    auto stream = legacy.open_stream(fanfare::stream_kind::standalone);
    legacy.subscribe("doc://7");
    engine.notify_resource_updated("doc://7");
    fanfare::batch batch;
    std::string text;
    for (const fanfare_frame &frame : stream.recv(10, batch)) text += fanfare::bytes(frame);
    CHECK(text.find("doc://7") != std::string::npos);
    std::size_t at = text.rfind("id: ") + 4;
    std::string last_event_id = text.substr(at, text.find('\n', at) - at);
    stream.close();
    engine.notify_resource_updated("doc://7");
    auto again = legacy.resume_stream(last_event_id);
    CHECK(again.recv(10, batch).size() == 1);
    CHECK(again.recv(10, batch).empty());
}

void callbacks() {
    fanfare::config config;
    config.set("clock", "manual");
    std::string log;
    int wakes = 0, ends = 0;
    // One that can only be moved, and is destroyed after the last of its owners.
    auto alive = std::make_shared<int>(0);
    config.on_log(fanfare::level::warning,
                  [&log](fanfare::level level, std::string_view target, std::string_view message) {
                      CHECK(level >= fanfare::level::warning);
                      log += std::string(target) + ": " + std::string(message) + "\n";
                  });
    config.on_wake([&wakes, only = std::make_unique<int>(1), alive] { wakes += *only; });
    config.on_session_end([&](fanfare_session, fanfare::end_reason reason, void *user_data) {
        CHECK(reason == fanfare::end_reason::disconnected && user_data == &ends);
        ++ends;
        throw std::runtime_error("at the end");
    });
    config.authorize([](const fanfare_access_request &request) {
        if (fanfare::detail::view(request.name) == "doc://bad") throw std::runtime_error("asked");
        return fanfare::access::allow;
    });
    auto engine = fanfare::engine::make(config);
    config = fanfare::config();
    CHECK(alive.use_count() == 2);

    auto params = json(fanfare::profile::legacy);
    params.user_data = &ends;
    auto session = engine.open(params);
    session.subscribe("doc://7");
    CHECK(thrown([&] { session.subscribe("doc://bad"); }).code() < 0);
    CHECK(engine.troubles() == 1);
    CHECK(engine.revoke({}, fanfare::topic::resource, "doc://7").asked == 1);

    std::vector<std::string> heard;
    bool is_angry = true;
    session.on_frame([&](const fanfare_frame &frame) {
        if (is_angry) throw 7;
        heard.emplace_back(fanfare::bytes(frame));
        return heard.size() == 2 ? fanfare::verdict::gone : fanfare::verdict::accepted;
    });
    engine.notify_resource_updated("doc://7");
    CHECK(wakes == 1);
    // What it did not take for an exception waits until the session goes on.
    CHECK(engine.dispatch() == 0 && engine.troubles() == 2 && heard.empty());
    is_angry = false;
    CHECK(engine.dispatch() == 0);
    session.resume();
    CHECK(engine.dispatch() == 1 && heard.size() == 1 && heard[0] == updated);
    engine.notify_resource_updated("doc://7");
    CHECK(engine.dispatch() == 0 && heard.size() == 2 && ends == 1);
    CHECK(engine.troubles() == 3);
    CHECK(log.find("fanfare::cpp: a callback threw: asked") != std::string::npos);
    CHECK(log.find("fanfare::cpp: a callback threw something") != std::string::npos);
    CHECK(log.find("fanfare::cpp: a callback threw: at the end") != std::string::npos);

    CHECK(session.release() != 0);
    session = fanfare::session();
    engine = fanfare::engine();
    CHECK(alive.use_count() == 1);
}

void names() {
    const char *words[] = {"graceful", "cancelled", "disconnected", "lagged",
                           "limit",    "revoked",   "shutdown",     "unknown"};
    for (std::uint32_t number = 0; number < 8; number++) {
        std::string_view name = fanfare::name(static_cast<fanfare::end_reason>(number));
        CHECK(name == words[number]);
    }
}

void threads() {
    auto engine = fanfare::engine::make();
    std::atomic<int> heard{0};
    engine.on_frame([&](const fanfare_frame &) {
        ++heard;
        return fanfare::verdict::accepted;
    });
    engine.start_dispatcher(2);
    std::vector<fanfare::session> sessions;
    for (int i = 0; i < 10; ++i) sessions.push_back(engine.open(json(fanfare::profile::open)));
    std::thread raiser([&] {
        for (int i = 0; i < 100; ++i) engine.notify("notifications/x");
    });
    raiser.join();
    while (heard != 1000) std::this_thread::yield();
    engine.stop_dispatcher();
    CHECK(engine.wait(0) == false);
    engine.wakeup();
    CHECK(engine.wait() == false && engine.fd() >= 0);
}

void numbers() {
    fanfare::config config;
    config.set("clock", "manual");
    config.set("debounce.resource_ms", "100");
    CHECK(thrown([&] { config.set("no.such", "1"); }).code() == FANFARE_E_INVALID_ARGUMENT);
    int nearer = 0;
    config.on_deadline([&] { ++nearer; });
    auto engine = fanfare::engine::make(config);
    auto session = engine.open(json(fanfare::profile::legacy));
    session.subscribe("doc://7");
    engine.notify_resource_updated("doc://7");
    engine.notify_resource_updated("doc://7");
    CHECK(nearer == 1 && drained(engine).size() == 1);
    engine.advance(100);
    CHECK(drained(engine).size() == 1 && engine.tick() == FANFARE_NEVER);
    CHECK(session.revision() == FANFARE_REVISION_2025_11_25);
    CHECK(thrown([&] { engine.revoke(); }).code() == FANFARE_E_STATE);

    fanfare::batch batch;
    engine.advance(1000);
    engine.notify_resource_updated("doc://7");
    auto parts = engine.recv_vectored(10, batch);
    std::string text;
    for (const auto &frame : parts) {
        for (const fanfare_str &part : frame.parts) text += fanfare::detail::view(part);
    }
    CHECK(text.find(updated) != std::string::npos);
    char packed[512];
    engine.notify("notifications/resources/updated", R"({"uri":"doc://7"})");
    engine.advance(2000);
    CHECK(engine.drain(packed, sizeof packed) > sizeof(fanfare_record));
    CHECK(engine.drain(packed, sizeof packed) == 0);
}

}  // namespace

int main() {
    owners();
    messages();
    targets();
    streams_and_listens();
    callbacks();
    names();
    threads();
    numbers();
}
