// The same on asio: one thread, everything asynchronous.
//
//     c++ -std=c++17 asio.cpp -lfanfare -pthread && ./a.out
//
// A descriptor of asio's waits on the engine's. When that is readable, a batch of frames goes to
// the connections, and each connection has one write in flight. Meanwhile its session is paused:
// there is no queue here beside the engine's, which merges, bounds and drops.

#define ASIO_STANDALONE
#include <asio.hpp>

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "scene.hpp"

namespace {

using asio::local::stream_protocol;

// The engine's descriptor, to be waited for. It stays the engine's, and is not closed here.
class readiness {
public:
    readiness(asio::io_context &io, fanfare::engine &engine) : fd_(io, engine.fd()) {}
    readiness(readiness &&) = delete;
    ~readiness() { fd_.release(); }

    template <class Handler>
    void async_wait(Handler &&handler) {
        fd_.async_wait(asio::posix::stream_descriptor::wait_read, std::forward<Handler>(handler));
    }
    void cancel() { fd_.cancel(); }

private:
    asio::posix::stream_descriptor fd_;
};

// A client. What is under way on its socket keeps it alive.
class peer : public std::enable_shared_from_this<peer> {
public:
    peer(asio::io_context &io, scene::socket socket, fanfare::engine &engine,
         fanfare::profile profile, scene::job &job)
        : socket_(io, stream_protocol(), socket.fd()), connection_(engine, profile), job_(job) {
        socket.release();
    }

    scene::connection &connection() { return connection_; }
    bool is_over() const { return is_gone_ || connection_.is_finished(); }
    void hang_up() { socket_.close(); }

    void read() {
        socket_.async_read_some(asio::buffer(in_), [self = shared_from_this()](
                                                       std::error_code error, std::size_t n) {
            if (error) {
                self->is_gone_ = true;
                return;
            }
            scene::connection &connection = self->connection_;
            if (connection.came_in({self->in_, n})) self->job_.begin(connection.session().id());
            self->read();
        });
    }

    // Writes what the connection has, unless that is being done.
    void write() {
        if (is_writing_ || connection_.unwritten().empty()) return;
        is_writing_ = true;
        std::string_view bytes = connection_.unwritten();
        asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                          [self = shared_from_this()](std::error_code error, std::size_t n) {
                              self->is_writing_ = false;
                              self->is_gone_ |= static_cast<bool>(error);
                              if (!error) self->connection_.written(n);
                          });
    }

private:
    stream_protocol::socket socket_;
    scene::connection connection_;
    scene::job &job_;
    char in_[4096];
    bool is_writing_ = false;
    bool is_gone_ = false;
};

class host {
public:
    explicit host(std::vector<std::pair<fanfare::profile, scene::socket>> clients)
        : clock_(io_), engine_(make_engine()), readiness_(io_, engine_) {
        for (auto &[profile, socket] : clients) {
            auto made = std::make_shared<peer>(io_, std::move(socket), engine_, profile, job_);
            made->read();
            peers_.emplace(made->connection().session().id(), std::move(made));
        }
        wait_for_output();
        wait_for_the_clock();
    }

    void run() {
        while (!peers_.empty()) {
            // All that is ready; if that is nothing, the server does its own work, or sleeps.
            if (io_.poll() == 0) {
                if (job_.is_under_way()) {
                    work();
                } else {
                    io_.run_one();
                }
            }
            forget_the_finished();
        }
        readiness_.cancel();
        clock_.cancel();
        io_.poll();
    }

private:
    fanfare::engine make_engine() {
        fanfare::config config;
        config.on_deadline([this] { asio::post(io_, [this] { wait_for_the_clock(); }); });
        // It may come in the middle of a drain, before the last frames are written.
        config.on_session_end([](fanfare_session, fanfare::end_reason, void *connection) {
            static_cast<scene::connection *>(connection)->end();
        });
        return fanfare::engine::make(config);
    }

    // The descriptor stays readable while there is more, so one batch at a time is enough, and
    // others have their turn in between.
    void wait_for_output() {
        readiness_.async_wait([this](std::error_code error) {
            if (error) return;
            deliver();
            wait_for_output();
        });
    }

    void deliver() {
        for (const fanfare_frame &frame : engine_.recv(16, batch_)) {
            auto whose = peers_.find(frame.session);
            if (whose != peers_.end()) whose->second->connection().add(fanfare::bytes(frame));
        }
        for (const auto &[id, it] : peers_) it->write();
    }

    // What the engine has to do by the clock; it says when to come again, and if that becomes
    // sooner (on_deadline), this is begun anew.
    void wait_for_the_clock() {
        std::uint64_t wait_ms = std::min<std::uint64_t>(engine_.tick(), 60'000);
        clock_.expires_after(std::chrono::milliseconds(wait_ms));
        clock_.async_wait([this](std::error_code error) {
            if (!error) wait_for_the_clock();
        });
    }

    void work() {
        auto caller = peers_.find(job_.caller());
        if (caller == peers_.end()) return job_.stop();
        job_.step(engine_, caller->second->connection().session());
        if (job_.is_under_way()) return;
        // All is done: goodbye to everybody. What is queued goes out before.
        for (const auto &[id, it] : peers_) {
            it->connection().session().end(fanfare::end_reason::shutdown);
        }
    }

    void forget_the_finished() {
        for (auto it = peers_.begin(); it != peers_.end();) {
            if (it->second->is_over()) {
                it->second->hang_up();
                it = peers_.erase(it);
            } else {
                ++it;
            }
        }
    }

    asio::io_context io_;
    asio::steady_timer clock_;
    fanfare::engine engine_;
    fanfare::batch batch_;
    readiness readiness_;
    std::unordered_map<fanfare_session, std::shared_ptr<peer>> peers_;
    scene::job job_;
};

}  // namespace

int main() try {
    scene::play play;
    host(play.begin()).run();
    return play.end() ? 0 : 1;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
