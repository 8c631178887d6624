// An MCP server over Streamable HTTP on cpp-httplib, with fanfare inside for all that clients hear.
//
//     c++ -std=c++17 http_server.cpp $(pkg-config --cflags --libs cpp-httplib) -lfanfare -pthread
//     ./a.out                                   # says where it listens, on a port of the system's
//
// One endpoint serves both eras: 2026-07-28, where each request stands alone and listening is a
// request, and the revisions before it, with sessions and a stream for GET. What a request is, and
// how its answer begins, the library says (fanfare::http). There are two notes, which change when
// somebody calls the tool "write", and a tool "count" that takes its time and tells of its progress.
//
// cpp-httplib has a thread for each connection, and it blocks. So each connection takes its own
// frames out of the engine and writes them, and one more thread tells the connections of a session
// when it has output (hub::announce). A client that does not read holds up its own thread; what it
// misses is merged and bounded by the engine, which in the end lets go of it (the option overflow).
//
// A server that has an event dispatcher for each SSE stream (a slot or a queue that every notify
// fills and the stream's thread empties) keeps its routes and its tools: `exchange` stands where its
// waiting loop does, and the engine where its queues, its subscriptions and its broadcast do. What is
// left out here is what such a server has already: who may call, and how long a session may idle.

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "fanfare.hpp"

namespace {

namespace http = fanfare::http;
using nlohmann::json;
using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;

const char *const CAPABILITIES = R"({"logging":{},"resources":{"subscribe":true},"tools":{}})";
const char *const SERVER_INFO = R"({"name":"notes","version":"1"})";

// How long a write waits before it looks whether its client still matters.
constexpr milliseconds WRITE_TIMEOUT{1000};
// How much is written at a time: what a socket that takes anything takes at once.
constexpr std::size_t PIECE = 4096;
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
    // all have, but does not wait for long.
    void say_goodbye() {
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
        quiet_.wait_for(lock, 3 * WRITE_TIMEOUT, [&] { return streams_ == 0; });
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

// What the server has: two notes, and what can be done with them.
class notes {
public:
    explicit notes(fanfare::engine &engine) : engine_(engine) {}

    // The response to a request that is answered at once.
    json answer(const json &request, bool is_modern) {
        json response{{"jsonrpc", "2.0"}, {"id", request.at("id")}};
        try {
            const std::string method = request.at("method");
            json result = this->result(method, request.value("params", json::object()));
            // How long it may be kept: as long as no notification says otherwise.
            if (is_modern && method != "tools/call") {
                result["ttlMs"] = 60000;
                result["cacheScope"] = "public";
            }
            response["result"] = std::move(result);
        } catch (const json::exception &error) {
            response["error"] = {{"code", -32602}, {"message", error.what()}};
        } catch (const std::out_of_range &error) {
            response["error"] = {{"code", -32602}, {"message", error.what()}};
        } catch (const std::invalid_argument &error) {
            response["error"] = {{"code", -32601}, {"message", error.what()}};
        }
        return response;
    }

    static json text(std::string text) {
        return {{"content", {{{"type", "text"}, {"text", std::move(text)}}}}};
    }

private:
    json result(const std::string &method, const json &params) {
        if (method == "tools/list") return {{"tools", tools()}};
        if (method == "resources/list") return {{"resources", list()}};
        if (method == "resources/templates/list") return {{"resourceTemplates", json::array()}};
        if (method == "resources/read") {
            const std::string uri = params.at("uri");
            std::lock_guard<std::mutex> guard(mutex_);
            return {{"contents", {{{"uri", uri}, {"text", note(uri)}}}}};
        }
        if (method == "tools/call") {
            if (params.at("name") != "write") throw std::out_of_range("there is no such tool");
            const json &arguments = params.at("arguments");
            const std::string uri = arguments.at("uri");
            {
                std::lock_guard<std::mutex> guard(mutex_);
                note(uri) = arguments.at("text");
            }
            // Whoever wants to know, is told, in whichever era.
            engine_.notify_resource_updated(uri);
            json line{{"uri", uri}, {"text", arguments.at("text")}};
            engine_.notify_logging_message(fanfare::level::info, "notes", line.dump());
            return text("written");
        }
        throw std::invalid_argument("there is no such method");
    }

    std::string &note(const std::string &uri) {
        auto found = notes_.find(uri);
        if (found == notes_.end()) throw std::out_of_range("there is no such note");
        return found->second;
    }

    json list() {
        json list = json::array();
        for (const auto &it : notes_) {
            list.push_back({{"uri", it.first}, {"name", it.first.substr(7)}});
        }
        return list;
    }

    static json tools() {
        json text{{"type", "string"}}, number{{"type", "integer"}};
        return {{{"name", "write"},
                 {"inputSchema",
                  {{"type", "object"}, {"properties", {{"uri", text}, {"text", text}}}}}},
                {{"name", "count"},
                 {"inputSchema", {{"type", "object"}, {"properties", {{"to", number}}}}}}};
    }

    fanfare::engine &engine_;
    std::mutex mutex_;
    // Which there are is fixed; what they say is guarded.
    std::map<std::string, std::string> notes_{{"note://today", ""}, {"note://tomorrow", ""}};
};

// One stream of a session, and the connection that it goes out on: the response to a POST, or to a
// GET. It belongs to the connection's thread.
class exchange {
public:
    exchange(hub &of, notes &notes, std::shared_ptr<peer> with, fanfare::stream stream)
        : hub_(of), notes_(notes), peer_(std::move(with)), stream_(std::move(stream)) {
        hub_.stream_opened();
    }
    exchange(exchange &&) = delete;
    ~exchange() {
        // The connection is gone. In 2026-07-28 that cancels the request; before it does not, and
        // a client may come back for the rest (Last-Event-ID).
        stream_ = fanfare::stream();
        peer_->caught_up(is_behind_);
        for (std::thread &job : jobs_) job.join();
        hub_.stream_closed();
    }

    // A message of the client, by POST.
    void take(std::string_view body) {
        peer_->session().receive_each(
            body, [&](std::string_view message) { act(json::parse(message)); }, stream_.id());
    }

    // What is to be written next, once there is something; nothing if it does not come in time,
    // or never will: is_over().
    const fanfare::frames<fanfare_frame> &next(milliseconds patience) {
        auto until = clock_type::now() + patience;
        while (frames_.empty() && !is_over_) {
            std::uint64_t seen = peer_->news();
            draw();
            if (frames_.empty() && !is_over_ && !peer_->wait(seen, until)) break;
        }
        return frames_;
    }
    bool is_over() const { return is_over_; }

    // For cpp-httplib, which calls it again and again: writes what there is. False breaks off.
    bool write(httplib::DataSink &sink) {
        for (const fanfare_frame &frame : next(WRITE_TIMEOUT)) {
            if (!write(sink, fanfare::bytes(frame))) return false;
            is_over_ |= fanfare::is_last(frame);
        }
        if (is_over_) {
            sink.done();
            return true;
        }
        bool is_silent = frames_.empty();
        frames_ = {nullptr, 0};
        return !is_silent || look_at(sink) != socket::gone;
    }

private:
    enum class socket { ready, full, gone };

    // Takes out what there is.
    void draw() {
        try {
            frames_ = stream_.recv(16, batch_);
        } catch (const fanfare::error &) {
            // The session has ended, or another connection has taken the stream over.
            frames_ = {nullptr, 0};
            is_over_ = true;
        }
        if (frames_.empty()) {
            peer_->caught_up(is_behind_);
        } else if (!is_behind_) {
            peer_->fall_behind();
        }
        is_behind_ = !frames_.empty();
    }

    // Piece by piece, each when the socket takes it: a write that cpp-httplib has begun and cannot
    // end in time costs the connection.
    bool write(httplib::DataSink &sink, std::string_view bytes) {
        while (!bytes.empty()) {
            socket state = look_at(sink);
            if (state == socket::gone) return false;
            if (state == socket::full) {
                if (peer_->is_cut() || hub_.is_stopping()) return false;
                continue;
            }
            std::string_view piece = bytes.substr(0, PIECE);
            if (!sink.write(piece.data(), piece.size())) return false;
            bytes.remove_prefix(piece.size());
        }
        return true;
    }

    // cpp-httplib says of a socket that is gone at once that it cannot be written to, and of one
    // that is full when the time for a write is over.
    static socket look_at(httplib::DataSink &sink) {
        auto begun = clock_type::now();
        if (sink.is_writable()) return socket::ready;
        return clock_type::now() - begun < WRITE_TIMEOUT / 2 ? socket::gone : socket::full;
    }

    // A message that the engine left to the server.
    void act(const json &message) {
        // Notifications and responses of clients ask for nothing here.
        if (!message.contains("method") || !message.contains("id")) return;
        const json params = message.value("params", json::object());
        if (message["method"] == "tools/call" && params.value("name", "") == "count") {
            jobs_.emplace_back([this, message] { count(message); });
            return;
        }
        bool is_modern = peer_->session().revision() == FANFARE_REVISION_2026_07_28;
        peer_->session().send(notes_.answer(message, is_modern).dump());
    }

    // Long work, in a thread of its own.
    void count(const json &request) noexcept try {
        const json &params = request["params"];
        const int to = params.value("/arguments/to"_json_pointer, 10);
        const json token = params.value("/_meta/progressToken"_json_pointer, json());
        const std::string id = request["id"].dump(), token_text = token.dump();
        for (int step = 1; step <= to; ++step) {
            std::this_thread::sleep_for(milliseconds(5));
            if (token.is_null()) continue;
            auto its_own = fanfare::raise::to_request(peer_->session().id(), id);
            // Where it reaches nobody the request was cancelled.
            if (hub_.engine().notify_progress(token_text, step, to, {}, its_own) == 0) return;
        }
        json response{{"jsonrpc", "2.0"}, {"id", request["id"]}};
        response["result"] = notes::text("counted to " + std::to_string(to));
        peer_->session().send(response.dump());
    } catch (const std::exception &) {
        // Cancelled: nobody waits for it any more.
    }

    hub &hub_;
    notes &notes_;
    std::shared_ptr<peer> peer_;
    fanfare::stream stream_;
    fanfare::batch batch_;
    fanfare::frames<fanfare_frame> frames_{nullptr, 0};
    bool is_over_ = false, is_behind_ = false;
    std::vector<std::thread> jobs_;
};

// The endpoint /mcp.
class endpoint {
public:
    endpoint(hub &of, notes &notes) : hub_(of), notes_(notes) {}

    void answer(const httplib::Request &from, httplib::Response &to) {
        http::request request(from.method, from.body);
        for (const auto &[name, value] : from.headers) request.add_header(name, value);
        std::shared_ptr<peer> with;
        auto call = rules_.check(request, [&](std::string_view id) -> std::optional<std::uint32_t> {
            with = hub_.kept(id);
            if (!with) return {};
            try {
                return with->session().revision();
            } catch (const fanfare::error &) {
                return {};  // it ended just now
            }
        });
        if (call.is_refused()) {
            if (!call.allow().empty()) to.set_header("Allow", std::string(call.allow()));
            return reply(to, {call.status(), http::form::json, call.refusal()});
        }
        try {
            go_on(call, with, from, to);
        } catch (const fanfare::error &error) {
            // A stream that cannot be resumed is no reason to begin another session.
            bool is_resumption = !call.last_event_id().empty();
            std::uint32_t status = is_resumption ? 400 : status_of(error);
            reply(to, {status, http::form::json, body_of(error)});
        }
    }

private:
    void go_on(const http::call &call, const std::shared_ptr<peer> &with,
               const httplib::Request &from, httplib::Response &to) {
        switch (call.kind()) {
        case http::kind::initialize: return ask(call, hub_.open(call), from, to);
        case http::kind::request: return ask(call, with ? with : hub_.open(call), from, to);
        case http::kind::get: {
            fanfare::session &session = with->session();
            auto stream = call.last_event_id().empty()
                              ? session.open_stream(fanfare::stream_kind::standalone)
                              : session.resume_stream(call.last_event_id());
            // A connection that this one supersedes is to find out.
            with->announce();
            return begin(std::make_shared<exchange>(hub_, notes_, with, std::move(stream)), to);
        }
        case http::kind::one_way:
            if (with) {
                auto stream = with->session().open_stream(fanfare::stream_kind::request);
                exchange(hub_, notes_, with, std::move(stream)).take(from.body);
            }
            break;
        case http::kind::remove:
            if (with) with->session().end(fanfare::end_reason::cancelled);
            break;
        }
        reply(to, *rules_.answer(call));
    }

    // A request, and what comes first in answer to it.
    void ask(const http::call &call, const std::shared_ptr<peer> &with,
             const httplib::Request &from, httplib::Response &to) {
        auto stream = with->session().open_stream(fanfare::stream_kind::request);
        auto made = std::make_shared<exchange>(hub_, notes_, with, std::move(stream));
        made->take(from.body);
        while (made->next(WRITE_TIMEOUT).empty() && !made->is_over()) continue;
        const auto &frames = made->next(WRITE_TIMEOUT);
        if (frames.empty()) return begin(made, to);  // cancelled: it ends with nothing said
        if (call.kind() == http::kind::initialize && with->session().revision() != 0) {
            to.set_header("MCP-Session-Id", hub_.keep(with));
        }
        auto answer = rules_.answer(call, fanfare::bytes(frames[0]));
        if (answer->form == http::form::stream) return begin(made, to);
        reply(to, *answer);
    }

    // Answers with a stream, which begins with what was taken out already.
    void begin(std::shared_ptr<exchange> it, httplib::Response &to) {
        to.status = 200;
        std::string type = headers(to, http::form::stream);
        to.set_chunked_content_provider(
            type, [it](std::size_t, httplib::DataSink &sink) { return it->write(sink); });
    }

    static void reply(httplib::Response &to, const http::response &with) {
        to.status = static_cast<int>(with.status);
        std::string type = headers(to, with.form);
        if (!with.body.empty()) to.set_content(with.body.data(), with.body.size(), type);
    }

    // Sets the headers of an answer; its type, which cpp-httplib sets itself, is returned.
    static std::string headers(httplib::Response &to, http::form form) {
        std::string type;
        http::each_header(form, [&](std::string_view name, std::string_view value) {
            if (name == "Content-Type") {
                type = value;
            } else {
                to.set_header(std::string(name), std::string(value));
            }
        });
        return type;
    }

    static std::uint32_t status_of(const fanfare::error &error) {
        switch (error.code()) {
        case FANFARE_E_GONE: return 404;
        case FANFARE_E_STATE: return 409;
        case FANFARE_E_LIMIT: return 503;
        default: return 400;
        }
    }

    static std::string body_of(const fanfare::error &error) {
        return json{{"jsonrpc", "2.0"}, {"error", {{"code", -32600}, {"message", error.detail()}}}}
            .dump();
    }

    hub &hub_;
    notes &notes_;
    const http::endpoint rules_{FANFARE_HTTP_LOOPBACK_HOSTS};
};

// A thread for each connection, since a stream keeps its own for as long as it is open.
class thread_each : public httplib::TaskQueue {
    // Nothing in older releases of cpp-httplib, in newer ones whether the work is taken.
    using taken = decltype(std::declval<httplib::TaskQueue &>().enqueue({}));

public:
    taken enqueue(std::function<void()> work) override {
        std::lock_guard<std::mutex> guard(mutex_);
        running_ += 1;
        std::thread([this, work = std::move(work)] {
            work();
            std::lock_guard<std::mutex> done(mutex_);
            running_ -= 1;
            idle_.notify_all();
        }).detach();
        return static_cast<taken>(true);
    }

    void shutdown() override {
        std::unique_lock<std::mutex> lock(mutex_);
        idle_.wait(lock, [&] { return running_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable idle_;
    std::size_t running_ = 0;
};

}  // namespace

int main() try {
    // Before there are threads, so that none of them takes the signals.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);

    hub hub;
    notes notes(hub.engine());
    endpoint endpoint(hub, notes);
    httplib::Server server;
    server.new_task_queue = [] { return new thread_each; };
    // A client with nothing to ask holds no thread.
    server.set_keep_alive_max_count(1);
    server.set_write_timeout(WRITE_TIMEOUT);
    server.set_payload_max_length(4 << 20);
    auto answer = [&](const httplib::Request &from, httplib::Response &to) {
        endpoint.answer(from, to);
    };
    server.Get("/mcp", answer).Post("/mcp", answer).Put("/mcp", answer).Delete("/mcp", answer);

    int listening = -1;
    server.set_socket_options([&](socket_t socket) {
        listening = socket;
        // What a client has not read is to wait in the engine, where it can be merged.
        int buffer = 65536;
        ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    });
    int port = server.bind_to_any_port("127.0.0.1");
    // cpp-httplib would have more than five that come at once turned away.
    if (port < 0 || ::listen(listening, SOMAXCONN) != 0) {
        throw std::runtime_error("there is no port to listen on");
    }
    std::thread serving([&] { server.listen_after_bind(); });
    std::printf("listening on http://127.0.0.1:%d/mcp\n", port);
    std::fflush(stdout);

    int signal = 0;
    sigwait(&signals, &signal);
    hub.say_goodbye();
    server.stop();
    serving.join();
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
