// What fanfare.hpp costs beyond the C functions that it calls: both take turns on one engine, in
// one process. Exits with 1 if the wrapper falls short of its bar by more than a tenth.
//
//     measure            the full measurement (`make bench-cpp`)
//     measure --small    everything once and small, to see that it still measures what it says;
//                        nothing is held against a bar

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fanfare.hpp"
#include "plain.h"

namespace {

// At most so many ns more than C, for a frame or for a call.
constexpr double BAR = 2.0;
// How far a measurement may be above its bar before it falls short: machines have moods.
constexpr double GRACE = 1.1;

struct size {
    bool is_full;
    std::size_t sessions;
    std::size_t calls;
    std::size_t rounds;
};

// Draining, as a C++ program would write it.

std::size_t wrapped_recv(fanfare::engine &engine, fanfare::batch &batch) {
    std::size_t taken = 0;
    for (;;) {
        auto frames = engine.recv(BATCH, batch);
        if (frames.empty()) return taken;
        for (const fanfare_frame &frame : frames) {
            std::string_view bytes = fanfare::bytes(frame);
            look_at(bytes.data(), bytes.size());
        }
        taken += frames.size();
    }
}

std::size_t wrapped_vectored(fanfare::engine &engine, fanfare::batch &batch) {
    std::size_t taken = 0;
    for (;;) {
        auto frames = engine.recv_vectored(BATCH, batch);
        if (frames.empty()) return taken;
        for (const fanfare_vectored_frame &frame : frames) look_at(frame.parts, 3);
        taken += frames.size();
    }
}

std::size_t wrapped_read(std::vector<fanfare::session> &sessions) {
    char buf[1024];
    std::size_t taken = 0;
    for (fanfare::session &session : sessions) {
        std::size_t len = session.read(buf, sizeof buf);
        if (len == 0) return 0;
        look_at(buf, len);
        taken += 1;
    }
    return taken;
}

std::size_t wrapped_drain(fanfare::engine &engine, char *buf, std::size_t cap) {
    std::size_t taken = 0;
    while (std::size_t len = engine.drain(buf, cap)) {
        for (std::size_t at = 0; at < len;) {
            fanfare_record record;
            std::memcpy(&record, buf + at, sizeof record);
            at += sizeof record;
            look_at(buf + at, record.len);
            at += (record.len + 7u) / 8 * 8;
            taken += 1;
        }
    }
    return taken;
}

std::size_t wrapped_raise(fanfare::engine &engine, std::size_t times) {
    for (std::size_t at = 0; at < times; ++at) {
        std::size_t matched = engine.notify_resource_updated("doc://none");
        look_at(&matched, matched);
    }
    return times;
}

std::size_t wrapped_subscribe(fanfare::session &session, std::size_t times) {
    for (std::size_t at = 0; at < times; ++at) {
        session.subscribe("doc://one");
        session.unsubscribe("doc://one");
    }
    return times;
}

// Sessions that all hold one resource.
class crowd {
public:
    explicit crowd(std::size_t count) {
        for (std::size_t at = 0; at < count; ++at) {
            sessions_.push_back(engine_.open({fanfare::profile::legacy}));
            sessions_.back().subscribe("doc://7");
            ids_.push_back(sessions_.back().id());
        }
    }

    // A frame for everybody.
    void raise() {
        if (engine_.notify_resource_updated("doc://7") != sessions_.size()) {
            throw std::logic_error("not everybody heard");
        }
    }

    fanfare::engine &engine() { return engine_; }
    std::vector<fanfare::session> &sessions() { return sessions_; }
    const std::vector<fanfare_session> &ids() const { return ids_; }

private:
    fanfare::engine engine_ = fanfare::engine::make();
    std::vector<fanfare::session> sessions_;
    std::vector<fanfare_session> ids_;
};

double median(std::vector<double> numbers) {
    std::sort(numbers.begin(), numbers.end());
    return numbers[numbers.size() / 2];
}

class table {
public:
    explicit table(size size) : size_(size) {
        std::printf("| %-36s | %6s | %8s | %8s | %10s | %6s | %-12s |\n", "scenario", "N", "C++",
                    "C", "difference", "bar", "verdict");
        std::printf("|---|---|---|---|---|---|---|\n");
    }

    // Lets both work in turn, each after `prepare`, which is not timed; each says how many units
    // it went through. What is held against the bar is the median of the rounds' differences.
    void row(const char *scenario, std::size_t units, const std::function<void()> &prepare,
             const std::function<std::size_t()> &wrapped,
             const std::function<std::size_t()> &plain) {
        std::vector<double> ours, theirs, differences;
        // The first round is for caches, and for memory that is asked for the first time.
        for (std::size_t round = 0; round <= size_.rounds; ++round) {
            double of_ours = 0, of_plain = 0;
            // Who is second finds what the first has left: so each is as often.
            for (bool is_ours : {round % 2 == 0, round % 2 != 0}) {
                (is_ours ? of_ours : of_plain) = time(units, prepare, is_ours ? wrapped : plain);
            }
            if (round == 0) continue;
            ours.push_back(of_ours);
            theirs.push_back(of_plain);
            differences.push_back(of_ours - of_plain);
        }
        double measured = median(differences);
        bool holds = measured <= BAR, nearly = measured <= BAR * GRACE;
        all_hold_ &= nearly;
        const char *verdict = !size_.is_full ? "-"
                              : holds        ? "holds"
                              : nearly       ? "holds nearly"
                                             : "falls short";
        std::printf("| %-36s | %6zu | %8.2f | %8.2f | %10.2f | %6.2f | %-12s |\n", scenario, units,
                    median(ours), median(theirs), measured, BAR, verdict);
    }

    bool all_hold() const { return all_hold_ || !size_.is_full; }

private:
    // The ns that each unit takes, over as many calls as fill a few milliseconds.
    double time(std::size_t units, const std::function<void()> &prepare,
                const std::function<std::size_t()> &work) const {
        using clock = std::chrono::steady_clock;
        clock::duration taken{0};
        std::size_t calls = 0;
        do {
            prepare();
            auto begun = clock::now();
            std::size_t done = work();
            taken += clock::now() - begun;
            if (done != units) throw std::logic_error("not everything was done");
            calls += 1;
        } while (size_.is_full && taken < std::chrono::milliseconds(5));
        return std::chrono::duration<double, std::nano>(taken).count() /
               static_cast<double>(calls * units);
    }

    size size_;
    bool all_hold_ = true;
};

}  // namespace

int main(int argc, char **) try {
    const size size = argc == 1 ? ::size{true, 10000, 10000, 101} : ::size{false, 100, 100, 1};
    const std::size_t n = size.sessions;
    table table(size);

    crowd pulled(n);
    fanfare::engine &engine = pulled.engine();
    fanfare::batch batch;
    std::vector<char> buffer(1 << 20);
    auto raise = [&] { pulled.raise(); };
    table.row("recv, 64 frames at a time", n, raise, [&] { return wrapped_recv(engine, batch); },
              [&] { return plain_recv(engine.raw(), batch.raw()); });
    table.row("recv_vectored, 64 frames at a time", n, raise,
              [&] { return wrapped_vectored(engine, batch); },
              [&] { return plain_vectored(engine.raw(), batch.raw()); });
    table.row("drain, packed", n, raise,
              [&] { return wrapped_drain(engine, buffer.data(), buffer.size()); },
              [&] { return plain_drain(engine.raw(), buffer.data(), buffer.size()); });
    table.row("read, one session at a time", n, raise,
              [&] { return wrapped_read(pulled.sessions()); },
              [&] { return plain_read(engine.raw(), pulled.ids().data(), n); });

    // An engine each, since an engine has one callback.
    crowd with_lambda(n), with_function(n);
    with_lambda.engine().on_frame([](const fanfare_frame &frame) {
        std::string_view bytes = fanfare::bytes(frame);
        look_at(bytes.data(), bytes.size());
        return fanfare::verdict::accepted;
    });
    if (plain_on_frame(with_function.engine().raw()) != FANFARE_OK) return 1;
    auto nothing = [] {};
    table.row("raise and dispatch, a callback each", n, nothing,
              [&] {
                  with_lambda.raise();
                  return std::size_t{with_lambda.engine().dispatch()};
              },
              [&] {
                  with_function.raise();
                  return plain_dispatch(with_function.engine().raw());
              });

    table.row("raise what nobody holds", size.calls, nothing,
              [&] { return wrapped_raise(engine, size.calls); },
              [&] { return plain_raise(engine.raw(), size.calls); });
    fanfare::session &one = pulled.sessions().front();
    table.row("subscribe and unsubscribe", size.calls, nothing,
              [&] { return wrapped_subscribe(one, size.calls); },
              [&] { return plain_subscribe(engine.raw(), one.id(), size.calls); });
    return table.all_hold() ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
