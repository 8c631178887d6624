// C++: owners that free themselves, errors as exceptions, callbacks as std::function.
//
//     c++ -std=c++17 raii.cpp -lfanfare && ./a.out
//
// A small part of what a wrapper would be; enough to see where the seams are.

#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "fanfare.h"

namespace {

// What the library has to say about an error becomes the exception's text.
void must(fanfare_status status) {
    if (status >= 0) return;
    std::string why(fanfare_last_error(nullptr, 0), '\0');
    fanfare_last_error(why.data(), why.size() + 1);
    throw std::runtime_error(std::string(fanfare_status_name(status)) + ": " + why);
}

class Engine {
public:
    using OnFrame = std::function<void(std::string_view)>;

    Engine() {
        fanfare_engine *made = nullptr;
        must(fanfare_engine_new(nullptr, &made));
        engine_.reset(made);
    }

    fanfare_session open(std::uint32_t profile, OnFrame on_frame) {
        fanfare_session_params params{};
        params.struct_size = sizeof params;
        params.profile = profile;
        fanfare_session session = 0;
        must(fanfare_session_open(engine_.get(), &params, &session));
        // The engine owns the function from here on, and gives it back to `drop`; if it did not
        // take it, it is still ours.
        auto context = std::make_unique<OnFrame>(std::move(on_frame));
        must(fanfare_session_on_frame(engine_.get(), session, call, context.get(), drop));
        context.release();
        return session;
    }

    bool receive(fanfare_session session, std::string_view message) {
        std::uint32_t disposition = FANFARE_HANDLED;
        must(fanfare_receive(engine_.get(), session, 0, message.data(), message.size(), &disposition));
        return disposition == FANFARE_HANDLED;
    }

    void resource_updated(std::string_view uri) {
        must(fanfare_notify_resource_updated(engine_.get(), uri.data(), uri.size(), nullptr, nullptr));
    }

    void progress(std::string_view token, double progress, double total) {
        must(fanfare_notify_progress(engine_.get(), token.data(), token.size(), progress, total,
                                     nullptr, 0, nullptr, nullptr));
    }

    void alert(std::string_view logger, std::string_view data) {
        must(fanfare_notify_alert(engine_.get(), FANFARE_LEVEL_ALERT, logger.data(), logger.size(),
                                  data.data(), data.size(), nullptr, nullptr));
    }

    void send(fanfare_session session, std::string_view message) {
        must(fanfare_send(engine_.get(), session, 0, message.data(), message.size()));
    }

    void deliver() {
        std::size_t n = 0;
        fanfare_status status = FANFARE_OK;
        do must(status = fanfare_dispatch(engine_.get(), SIZE_MAX, &n));
        while (status == FANFARE_OK);
    }

private:
    // An exception must not cross the library: it ends here, and with it the session.
    static std::int32_t call(void *context, const fanfare_frame *frame) noexcept {
        try {
            (*static_cast<OnFrame *>(context))({frame->data.ptr, frame->data.len});
            return FANFARE_VERDICT_ACCEPTED;
        } catch (...) {
            return FANFARE_VERDICT_GONE;
        }
    }

    static void drop(void *context) noexcept { delete static_cast<OnFrame *>(context); }

    struct Free {
        void operator()(fanfare_engine *engine) const noexcept { fanfare_engine_free(engine); }
    };

    std::unique_ptr<fanfare_engine, Free> engine_;
};

Engine::OnFrame print_as(const char *name) {
    return [name](std::string_view frame) {
        std::printf("%s <- %.*s", name, static_cast<int>(frame.size()), frame.data());
    };
}

}  // namespace

int main() try {
    Engine engine;
    fanfare_session legacy = engine.open(FANFARE_PROFILE_LEGACY, print_as("legacy"));
    fanfare_session modern = engine.open(FANFARE_PROFILE_MODERN, print_as("modern"));

    engine.receive(legacy, R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
        "params":{"uri":"doc://7"}})");
    engine.receive(modern, R"({"jsonrpc":"2.0","id":"listen","method":"subscriptions/listen",
        "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                           "io.modelcontextprotocol/clientCapabilities":{}},
                  "notifications":{"resourceSubscriptions":["doc://7"]}}})");
    engine.receive(legacy, R"({"jsonrpc":"2.0","id":2,"method":"tools/call",
        "params":{"name":"index","_meta":{"progressToken":"job"}}})");

    engine.resource_updated("doc://7");
    engine.progress("\"job\"", 1, 2);
    engine.deliver();
    engine.progress("\"job\"", 2, 2);
    engine.alert("disk", R"({"disk":"nearly full"})");
    engine.send(legacy, R"({"jsonrpc":"2.0","id":2,"result":{"content":[]}})");
    engine.deliver();

    try {
        engine.receive(fanfare_session{0}, "{}");
    } catch (const std::runtime_error &error) {
        std::printf("refused: %s\n", error.what());
    }
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
