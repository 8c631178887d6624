// Who is connected to http_server.cpp: sessions in the engine, and the connections that wait for
// their output, each in a thread of its own.
#ifndef HTTP_HUB_HPP
#define HTTP_HUB_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fanfare.hpp"

namespace server {

namespace http = fanfare::http;
using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;

constexpr const char *CAPABILITIES =
    R"({"logging":{},"resources":{"subscribe":true},"tools":{}})";
constexpr const char *SERVER_INFO = R"({"name":"notes","version":"1"})";

// After how long the other streams of a session that one stream keeps paused are looked at.
constexpr milliseconds ASIDE{20};

// A session, and those of its connections that wait for output.
class peer {
public:
    explicit peer(fanfare::session session) : session_(std::move(session)) {}

    fanfare::session &session() { return session_; }

    // Something has happened that its connections should look at.
    void announce() {
        {
            std::lock_guard<std::mutex> guard(mutex_);
            news_ += 1;
        }
        changed_.notify_all();
    }

    // There is output: it is offered again when the connections have written all of it.
    void has_output() {
        quietly([&] { session_.pause(); });
        announce();
    }

    std::uint64_t news() {
        std::lock_guard<std::mutex> guard(mutex_);
        return news_;
    }

    // Waits for news since `seen`; whether to look again, or the time is over.
    bool wait(std::uint64_t seen, clock_type::time_point until) {
        std::unique_lock<std::mutex> lock(mutex_);
        // While a connection is behind, the session is paused, and nobody tells the others.
        auto soon = behind_ > 0 ? std::min(until, clock_type::now() + ASIDE) : until;
        return changed_.wait_until(lock, soon, [&] { return news_ != seen; }) ||
               clock_type::now() < until;
    }

    // One more of its connections has something to write.
    void fall_behind() {
        std::lock_guard<std::mutex> guard(mutex_);
        behind_ += 1;
    }

    // One that found nothing to write; `was_behind` if it had before.
    void caught_up(bool was_behind) {
        {
            std::lock_guard<std::mutex> guard(mutex_);
            if (was_behind) behind_ -= 1;
            if (behind_ > 0) return;
        }
        quietly([&] { session_.resume(); });
    }

    // The engine lets go of it: whoever is stuck in writing to it may stop.
    void cut() { is_cut_ = true; }
    bool is_cut() const { return is_cut_; }

private:
    // What fails because the session is gone need not be done any more.
    template <class Work>
    static void quietly(Work work) {
        try {
            work();
        } catch (const fanfare::error &) {
        }
    }

    fanfare::session session_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t news_ = 0;
    int behind_ = 0;
    std::atomic<bool> is_cut_{false};
};

// The engine, who is there, and the thread that tells them of output.
class hub {
public:
    hub() : engine_(make_engine()), announcer_([this] { announce(); }) {}
    hub(hub &&) = delete;
    ~hub() {
        is_stopped_ = true;
        engine_.wakeup();
        announcer_.join();
    }

    fanfare::engine &engine() { return engine_; }

    // A session for one request, or one that begins with it.
    std::shared_ptr<peer> open(const http::call &call) {
        fanfare::session_params params;
        params.profile = call.era() == http::era::modern ? fanfare::profile::modern
                                                         : fanfare::profile::legacy;
        params.handshake = call.kind() == http::kind::initialize;
        params.framing = fanfare::framing::sse;
        params.capabilities = CAPABILITIES;
        fanfare::session session = engine_.open(params);
        fanfare_session id = session.id();
        std::shared_ptr<peer> made(new peer(std::move(session)), [this, id](peer *it) {
            {
                std::lock_guard<std::mutex> guard(mutex_);
                peers_.erase(id);
            }
            delete it;
        });
        std::lock_guard<std::mutex> guard(mutex_);
        peers_[id].it = made;
        return made;
    }

    // It stays until its client deletes it; by that id its client finds it.
    std::string keep(std::shared_ptr<peer> it) {
        std::string id = http::new_session_id();
        std::lock_guard<std::mutex> guard(mutex_);
        auto found = peers_.find(it->session().id());
        if (found != peers_.end()) found->second.kept_as = id;
        kept_[id] = std::move(it);
        return id;
    }

    std::shared_ptr<peer> kept(std::string_view id) {
        std::lock_guard<std::mutex> guard(mutex_);
        auto found = kept_.find(std::string(id));
        return found == kept_.end() ? nullptr : found->second;
    }

    // How many streams have a connection.
    void stream_opened() {
        std::lock_guard<std::mutex> guard(mutex_);
        streams_ += 1;
    }
    void stream_closed() {
        std::lock_guard<std::mutex> guard(mutex_);
        streams_ -= 1;
        quiet_.notify_all();
    }

    // Goodbye to everybody: what is queued goes out before, and then each stream ends. Returns when
    // all have, or the time is over.
    void say_goodbye(milliseconds patience) {
        is_stopping_ = true;
        for (const auto &it : everybody()) {
            try {
                it->session().end(fanfare::end_reason::shutdown);
            } catch (const fanfare::error &) {
                // It was quicker.
            }
            it->announce();
        }
        std::unique_lock<std::mutex> lock(mutex_);
        quiet_.wait_for(lock, patience, [&] { return streams_ == 0; });
    }
    bool is_stopping() const { return is_stopping_; }

private:
    fanfare::engine make_engine() {
        fanfare::config config;
        config.set("initialize.answer", "engine");
        config.set("server.info", SERVER_INFO);
        config.set("server.capabilities", CAPABILITIES);
        // What is written goes to the log of those who ask for that much (logging/setLevel). How
        // many lines of it a client may leave unread before the engine lets go of it:
        config.set("logging.default_level", "error");
        config.set("session.max_queued_frames", "64");
        config.on_lag([this](const fanfare_lag &lag) {
            if (lag.policy != FANFARE_OVERFLOW_CLOSE) return;
            if (auto it = find(lag.session)) it->cut();
        });
        config.on_session_end([this](fanfare_session session, fanfare::end_reason, void *) {
            let_go(session);
        });
        config.on_stream_end([this](fanfare_session session, fanfare_stream, void *) {
            if (auto it = find(session)) it->announce();
        });
        return fanfare::engine::make(config);
    }

    // A session that somebody has. It is gone from here when the last one lets go of it.
    struct entry {
        std::weak_ptr<peer> it;
        std::string kept_as;
    };

    std::shared_ptr<peer> find(fanfare_session session) {
        std::lock_guard<std::mutex> guard(mutex_);
        auto found = peers_.find(session);
        return found == peers_.end() ? nullptr : found->second.it.lock();
    }

    std::vector<std::shared_ptr<peer>> everybody() {
        std::lock_guard<std::mutex> guard(mutex_);
        std::vector<std::shared_ptr<peer>> found;
        for (const auto &[session, of] : peers_) {
            if (auto alive = of.it.lock()) found.push_back(std::move(alive));
        }
        return found;
    }

    // A session has ended: its client's id stands for nothing any more.
    void let_go(fanfare_session session) {
        auto it = find(session);
        if (!it) return;
        it->announce();
        std::lock_guard<std::mutex> guard(mutex_);
        kept_.erase(peers_[session].kept_as);
    }

    void announce() {
        fanfare_session ready[64];
        while (!is_stopped_) {
            std::size_t count = engine_.wait(-1, ready, std::size(ready));
            for (std::size_t at = 0; at < count; ++at) {
                if (auto it = find(ready[at])) it->has_output();
            }
        }
    }

    std::mutex mutex_;
    std::unordered_map<fanfare_session, entry> peers_;
    std::unordered_map<std::string, std::shared_ptr<peer>> kept_;
    std::size_t streams_ = 0;
    std::condition_variable quiet_;
    std::atomic<bool> is_stopping_{false}, is_stopped_{false};
    fanfare::engine engine_;
    std::thread announcer_;
};

}  // namespace server

#endif  // HTTP_HUB_HPP
