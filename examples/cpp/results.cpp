// C++ without exceptions: every call yields a value or a failure, which the compiler does not let you
// overlook. And blocking: this program sleeps until there is output.
//
//     c++ -std=c++17 -fno-exceptions results.cpp $(pkg-config --cflags --libs fanfare) && ./a.out

#include <cstdio>

#define FANFARE_NO_EXCEPTIONS
#include <fanfare.hpp>

namespace {

// readme: results
int failed(const fanfare::failure &why) {
    std::fprintf(stderr, "%s: %s\n", why.name(), why.detail.c_str());
    return 1;
}

int run() {
    fanfare::config config;
    if (auto set = config.set("session.max_queued_frames", "64"); !set) return failed(set.error());
    auto engine = fanfare::engine::make(config);
    if (!engine) return failed(engine.error());
    auto inside = engine->open();
    if (!inside) return failed(inside.error());

    auto reached = engine->notify_resource_updated("doc://7");
    if (!reached) return failed(reached.error());
    std::printf("%zu reached\n", *reached);

    // Up to a second, unless there is output sooner.
    auto has_output = engine->wait(1000);
    if (!has_output) return failed(has_output.error());
    char out[4096];
    while (*has_output) {
        auto bytes = inside->read(out, sizeof out);
        if (!bytes) return failed(bytes.error());
        if (*bytes == 0) break;
        std::printf("%.*s", static_cast<int>(*bytes), out);
    }
    return 0;
}
// readme: end

}  // namespace

int main() { return run(); }
