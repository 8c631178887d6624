// What poll.cpp and asio.cpp share: three clients behind sockets, the job that the server does for
// them, and a connection at the server's end as far as it has nothing to do with who waits for it.
//
// The legacy client (2025-06-18) subscribes to a document. The modern one (2026-07-28) listens to
// the same document, and calls a tool of which it wants to hear progress. The stalled one
// subscribes like the first, and then reads nothing before the server is done with everybody: it
// must not delay the others, and must not cost more than its queue.
#ifndef SCENE_HPP
#define SCENE_HPP

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "fanfare.hpp"

namespace scene {

// How many steps the job has, and how many of its warnings a client may leave unread: fewer.
constexpr int STEPS = 24;
constexpr std::uint32_t UNREAD = 8;

[[noreturn]] inline void fail(const char *what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// A file descriptor with an owner.
class socket {
public:
    explicit socket(int fd) : fd_(fd) {}
    socket(socket &&other) noexcept : fd_(other.release()) {}
    socket &operator=(socket &&) = delete;
    ~socket() {
        if (fd_ >= 0) ::close(fd_);
    }

    int fd() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

// A client: it says what it has to say, waits for the answer, and prints what it hears.
class client {
public:
    client(const char *name, socket to) : name_(name), socket_(std::move(to)) {
        // Should the server be held up, this client would wait for ever.
        timeval patience{60, 0};
        if (::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
            fail("setsockopt");
        }
    }

    void say(std::string message) {
        message += '\n';
        if (::write(socket_.fd(), message.data(), message.size()) !=
            static_cast<ssize_t>(message.size())) {
            fail("a client cannot write");
        }
    }

    // The next frame; false when the server has hung up.
    bool hear() {
        std::size_t end;
        while ((end = heard_.find('\n')) == std::string::npos) {
            char bytes[4096];
            ssize_t n = ::read(socket_.fd(), bytes, sizeof bytes);
            if (n < 0) fail("a client cannot read");
            if (n == 0) return false;
            heard_.append(bytes, static_cast<std::size_t>(n));
        }
        std::printf("%s <- %.*s\n", name_, static_cast<int>(end), heard_.c_str());
        heard_.erase(0, end + 1);
        return true;
    }

private:
    const char *name_;
    socket socket_;
    std::string heard_;
};

// A client at the server's end. Lines that come in go to the engine; frames that come out are kept
// here only as long as the socket has not taken them, and meanwhile the session is paused: the
// engine merges, bounds and drops what follows, and nothing grows.
class connection {
public:
    connection(fanfare::engine &engine, fanfare::profile profile) {
        fanfare::session_params params;
        params.profile = profile;
        params.overflow = fanfare::overflow::drop_oldest;
        params.max_queued_frames = UNREAD;
        params.user_data = this;
        session_ = engine.open(params);
    }
    connection(connection &&) = delete;
    connection &operator=(connection &&) = delete;

    fanfare::session &session() { return session_; }

    // Bytes have come in. Returns whether the server has something to do for this client.
    bool came_in(std::string_view bytes) {
        bool has_work = false;
        in_ += bytes;
        for (std::size_t end; (end = in_.find('\n')) != std::string::npos; in_.erase(0, end + 1)) {
            auto answer = session_.receive(std::string_view(in_).substr(0, end));
            has_work |= answer == fanfare::disposition::pass;
        }
        return has_work;
    }

    // A frame was drained, and waits to be written.
    void add(std::string_view frame) {
        if (out_.empty() && !is_over_) session_.pause();
        out_ += frame;
    }
    std::string_view unwritten() const { return out_; }
    void written(std::size_t bytes) {
        out_.erase(0, bytes);
        if (out_.empty() && !is_over_) session_.resume();
    }

    // The session is over; what it left behind may still have to be written.
    void end() { is_over_ = true; }
    bool is_finished() const { return is_over_ && out_.empty(); }

private:
    fanfare::session session_;
    std::string in_, out_;
    bool is_over_ = false;
};

// What the server has to do, one step at a time, whenever nobody has to be written to. (A server
// with threads would do it in one: all of this may be called from any.)
class job {
public:
    bool is_under_way() const { return step_ >= 0; }
    void begin(fanfare_session caller) {
        caller_ = caller;
        step_ = 1;
    }

    // The one who called is gone.
    void stop() { step_ = -1; }

    void step(fanfare::engine &engine, fanfare::session &caller) {
        if (step_ > STEPS) {
            caller.send(R"({"jsonrpc":"2.0","id":2,"result":{"content":[]}})");
            return stop();
        }
        engine.notify_resource_updated("doc://7");
        engine.notify_progress("\"job\"", step_, STEPS, {}, fanfare::raise::to_session(caller_));
        // The first one is more than the stalled client's socket takes at once.
        std::string data = step_ == 1 ? '"' + std::string(16384, 'x') + '"' : std::to_string(step_);
        engine.notify_alert(fanfare::level::warning, "disk", data);
        step_ += 1;
    }

    fanfare_session caller() const { return caller_; }

private:
    int step_ = -1;
    fanfare_session caller_ = 0;
};

// The clients' part, in a thread of its own.
class play {
public:
    // Their ends of the sockets go to them, the others to the server.
    play() {
        auto [theirs, stalled] = pair();
        take(stalled, 1);
        clients_.emplace_back("stalled", std::move(theirs));
        ends_.emplace_back(fanfare::profile::legacy, std::move(stalled));
        for (auto [name, profile] : {std::pair{"legacy", fanfare::profile::legacy},
                                     std::pair{"modern", fanfare::profile::modern}}) {
            auto [near, far] = pair();
            // All that there is for it, however slow its thread: so nothing merges by chance.
            take(far, 1 << 20);
            clients_.emplace_back(name, std::move(near));
            ends_.emplace_back(profile, std::move(far));
        }
    }
    play(play &&) = delete;
    play &operator=(play &&) = delete;
    ~play() {
        if (thread_.joinable()) thread_.join();
    }

    std::vector<std::pair<fanfare::profile, socket>> begin() {
        thread_ = std::thread([this] { run(); });
        return std::move(ends_);
    }

    // Whether all went as it was meant to.
    bool end() {
        thread_.join();
        return !has_failed_;
    }

private:
    static std::pair<socket, socket> pair() {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail("socketpair");
        return {socket(fds[0]), socket(fds[1])};
    }

    // How much a socket takes that nobody reads, as far as the system lets it.
    static void take(const socket &from, int buffer) {
        if (::setsockopt(from.fd(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) != 0) {
            fail("setsockopt");
        }
    }

    void run() noexcept try {
        client &stalled = clients_[0], &legacy = clients_[1], &modern = clients_[2];
        stalled.say(subscribes);
        legacy.say(subscribes);
        legacy.hear();
        modern.say(listens);
        modern.hear();
        modern.say(calls);
        // To the end of their connections, while one does not read.
        while (legacy.hear()) continue;
        while (modern.hear()) continue;
        while (stalled.hear()) continue;
        clients_.clear();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        has_failed_ = true;
        clients_.clear();
    }

    static constexpr const char *subscribes =
        R"({"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"doc://7"}})";
    static constexpr const char *listens =
        R"({"jsonrpc":"2.0","id":"listen","method":"subscriptions/listen","params":{"_meta":{)"
        R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
        R"("io.modelcontextprotocol/clientCapabilities":{}},)"
        R"("notifications":{"resourceSubscriptions":["doc://7"]}}})";
    static constexpr const char *calls =
        R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"index","_meta":{)"
        R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
        R"("io.modelcontextprotocol/clientCapabilities":{},"progressToken":"job"}}})";

    std::vector<client> clients_;
    std::vector<std::pair<fanfare::profile, socket>> ends_;
    std::thread thread_;
    bool has_failed_ = false;
};

}  // namespace scene

#endif  // SCENE_HPP
