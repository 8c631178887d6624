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
// when it has output (http_hub.hpp). A client that does not read holds up its own thread; what it
// misses is merged and bounded by the engine, which in the end lets go of it (the option overflow).
//
// A server that has an event dispatcher for each SSE stream (a slot or a queue that every notify
// fills and the stream's thread empties) keeps its routes and its tools: `exchange` stands where its
// waiting loop does, and the engine where its queues, its subscriptions and its broadcast do. What is
// left out here is what such a server has already: who may call, and how long a session may idle.

#include <httplib.h>
#include <sys/socket.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "http_hub.hpp"

namespace {

namespace http = fanfare::http;
using nlohmann::json;
using server::clock_type;
using server::hub;
using server::milliseconds;
using server::peer;

// How long a write waits before it looks whether its client still matters.
constexpr milliseconds WRITE_TIMEOUT{1000};
// How much is written at a time: what a socket that takes anything takes at once.
constexpr std::size_t PIECE = 4096;

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
    httplib::Server listener;
    listener.new_task_queue = [] { return new thread_each; };
    // A client with nothing to ask holds no thread.
    listener.set_keep_alive_max_count(1);
    listener.set_write_timeout(WRITE_TIMEOUT);
    listener.set_payload_max_length(4 << 20);
    auto answer = [&](const httplib::Request &from, httplib::Response &to) {
        endpoint.answer(from, to);
    };
    listener.Get("/mcp", answer).Post("/mcp", answer).Put("/mcp", answer).Delete("/mcp", answer);

    int listening = -1;
    listener.set_socket_options([&](socket_t socket) {
        listening = socket;
        // What a client has not read is to wait in the engine, where it can be merged.
        int buffer = 65536;
        ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    });
    int port = listener.bind_to_any_port("127.0.0.1");
    // cpp-httplib would have more than five that come at once turned away.
    if (port < 0 || ::listen(listening, SOMAXCONN) != 0) {
        throw std::runtime_error("there is no port to listen on");
    }
    std::thread serving([&] { listener.listen_after_bind(); });
    std::printf("listening on http://127.0.0.1:%d/mcp\n", port);
    std::fflush(stdout);

    int signal = 0;
    sigwait(&signals, &signal);
    hub.say_goodbye(3 * WRITE_TIMEOUT);
    listener.stop();
    serving.join();
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
