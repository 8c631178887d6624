// A host with a poll(2) loop of its own: the engine's descriptor stands in it beside the sockets.
//
//     c++ -std=c++17 poll.cpp -lfanfare -pthread && ./a.out
//
// The descriptor is readable exactly while some session has output. Frames are taken out in
// batches and written to sockets that do not block; a session whose frames are not yet written is
// paused until they are. So nobody waits for a client that does not read.

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "scene.hpp"

namespace {

struct peer {
    peer(scene::socket to, fanfare::engine &engine, fanfare::profile profile)
        : socket(std::move(to)), connection(engine, profile) {}

    scene::socket socket;
    scene::connection connection;
    bool is_gone = false;
};

class host {
public:
    explicit host(std::vector<std::pair<fanfare::profile, scene::socket>> clients) {
        fanfare::config config;
        // It may come in the middle of a drain, before the last frames are written.
        config.on_session_end([](fanfare_session, fanfare::end_reason, void *connection) {
            static_cast<scene::connection *>(connection)->end();
        });
        engine_ = fanfare::engine::make(config);
        for (auto &[profile, socket] : clients) {
            int flags = ::fcntl(socket.fd(), F_GETFL);
            if (flags < 0 || ::fcntl(socket.fd(), F_SETFL, flags | O_NONBLOCK) < 0) {
                scene::fail("fcntl");
            }
            auto made = std::make_unique<peer>(std::move(socket), engine_, profile);
            peers_.emplace(made->connection.session().id(), std::move(made));
        }
    }

    void run() {
        std::vector<pollfd> fds;
        while (!peers_.empty()) {
            fds.assign(1, {engine_.fd(), POLLIN, 0});
            for (const auto &[id, it] : peers_) {
                bool has_output = !it->connection.unwritten().empty();
                fds.push_back({it->socket.fd(), POLLIN, 0});
                if (has_output) fds.back().events |= POLLOUT;
            }
            int ready = ::poll(fds.data(), fds.size(), timeout());
            if (ready < 0) scene::fail("poll");
            if (ready == 0 && job_.is_under_way()) work();

            auto fd = fds.begin();
            if (fd->revents != 0) deliver();
            for (const auto &[id, it] : peers_) {
                ++fd;
                if ((fd->revents & POLLOUT) != 0) write(*it);
                if ((fd->revents & (POLLIN | POLLHUP | POLLERR)) != 0) read(*it);
            }
            forget_the_finished();
        }
    }

private:
    // What the engine has to do by the clock is done with each round; it says when to come again.
    int timeout() {
        std::uint64_t wait_ms = engine_.tick();
        if (job_.is_under_way()) return 0;
        if (wait_ms == FANFARE_NEVER) return -1;
        return static_cast<int>(std::min<std::uint64_t>(wait_ms, 60'000));
    }

    // A batch of frames, to whom they belong. What is left comes with the next round, so that those
    // who have something to say are not kept waiting.
    void deliver() {
        for (const fanfare_frame &frame : engine_.recv(16, batch_)) {
            auto whose = peers_.find(frame.session);
            if (whose != peers_.end()) whose->second->connection.add(fanfare::bytes(frame));
        }
    }

    // As much as the socket takes.
    void write(peer &to) {
        std::string_view bytes = to.connection.unwritten();
        ssize_t n = ::send(to.socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n >= 0) {
            to.connection.written(static_cast<std::size_t>(n));
        } else if (errno != EAGAIN && errno != EINTR) {
            to.is_gone = true;
        }
    }

    void read(peer &from) {
        char bytes[4096];
        ssize_t n = ::read(from.socket.fd(), bytes, sizeof bytes);
        if (n > 0) {
            std::string_view text(bytes, static_cast<std::size_t>(n));
            if (from.connection.came_in(text)) job_.begin(from.connection.session().id());
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            from.is_gone = true;
        }
    }

    void work() {
        auto caller = peers_.find(job_.caller());
        if (caller == peers_.end()) return job_.stop();
        job_.step(engine_, caller->second->connection.session());
        if (job_.is_under_way()) return;
        // All is done: goodbye to everybody. What is queued goes out before.
        for (const auto &[id, it] : peers_) {
            it->connection.session().end(fanfare::end_reason::shutdown);
        }
    }

    void forget_the_finished() {
        for (auto it = peers_.begin(); it != peers_.end();) {
            bool is_over = it->second->is_gone || it->second->connection.is_finished();
            it = is_over ? peers_.erase(it) : std::next(it);
        }
    }

    fanfare::engine engine_;
    fanfare::batch batch_;
    std::unordered_map<fanfare_session, std::unique_ptr<peer>> peers_;
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
