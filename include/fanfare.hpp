// fanfare in C++17: the C functions of fanfare.h with owners, text as std::string_view, errors as
// exceptions or results, and callbacks from any callable. Apache-2.0 OR MIT.
//
//     auto engine = fanfare::engine::make();
//     auto session = engine.open({fanfare::profile::legacy});
//     session.receive(bytes_of_the_client);
//     engine.notify_resource_updated("doc://7");
//     fanfare::batch batch;
//     for (const fanfare_frame &frame : engine.recv(64, batch)) write(frame);
//
// WORDS, THREADS, TEXT and LIMITS are those of fanfare.h, which also says for each function what it
// does and with which status it fails. What is different here:
//
// OWNERSHIP
//   config, engine, session, stream and batch are owners: they move and are not copied, and free
//   what they own. What was moved from is empty, and every call on it fails with FANFARE_E_NULL.
//   Sessions and streams keep their engine alive; it is freed with the last of them. That must not
//   happen inside one of its own callbacks: it would then be left as it is, and counted as a
//   trouble (see CALLBACKS).
//
// ERRORS
//   A function that can fail has the type result<T>. That is T itself, and failing is throwing a
//   fanfare::error; unless FANFARE_NO_EXCEPTIONS is defined before the include: then it is a class
//   with either a value or a failure, which must not be ignored, and nothing here throws but
//   std::bad_alloc. Text is borrowed for the call.
//
// CALLBACKS
//   Any callable will do, also one that can only be moved; it is destroyed after its last call. An
//   exception does not leave it: it is told to the log (config::on_log), counted
//   (engine::troubles), and then a frame counts as not taken (verdict::not_now), a question about
//   access as refused.

#ifndef FANFARE_HPP
#define FANFARE_HPP

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "fanfare.h"

namespace fanfare {

enum class profile : std::uint32_t {
    open = FANFARE_PROFILE_OPEN,
    legacy = FANFARE_PROFILE_LEGACY,
    modern = FANFARE_PROFILE_MODERN,
    automatic = FANFARE_PROFILE_AUTO,
};

enum class framing : std::uint32_t {
    ndjson = FANFARE_FRAMING_NDJSON,
    json = FANFARE_FRAMING_JSON,
    sse = FANFARE_FRAMING_SSE,
};

enum class overflow : std::uint32_t {
    of_engine = FANFARE_OVERFLOW_DEFAULT,
    drop_oldest = FANFARE_OVERFLOW_DROP_OLDEST,
    drop_newest = FANFARE_OVERFLOW_DROP_NEWEST,
    close = FANFARE_OVERFLOW_CLOSE,
};

enum class end_reason : std::uint32_t {
    graceful = FANFARE_END_GRACEFUL,
    cancelled = FANFARE_END_CANCELLED,
    disconnected = FANFARE_END_DISCONNECTED,
    lagged = FANFARE_END_LAGGED,
    limit = FANFARE_END_LIMIT,
    revoked = FANFARE_END_REVOKED,
    shutdown = FANFARE_END_SHUTDOWN,
};

/// As in "lagged", for a log; "unknown" for one that a newer library has.
constexpr const char *name(end_reason reason) noexcept {
    switch (reason) {
        case end_reason::graceful: return "graceful";
        case end_reason::cancelled: return "cancelled";
        case end_reason::disconnected: return "disconnected";
        case end_reason::lagged: return "lagged";
        case end_reason::limit: return "limit";
        case end_reason::revoked: return "revoked";
        case end_reason::shutdown: return "shutdown";
    }
    return "unknown";
}

enum class stream_kind : std::uint32_t {
    duplex = FANFARE_STREAM_DUPLEX,
    listen = FANFARE_STREAM_LISTEN,
    request = FANFARE_STREAM_REQUEST,
    standalone = FANFARE_STREAM_STANDALONE,
};

enum class level : std::uint32_t {
    debug = FANFARE_LEVEL_DEBUG,
    info = FANFARE_LEVEL_INFO,
    notice = FANFARE_LEVEL_NOTICE,
    warning = FANFARE_LEVEL_WARNING,
    error = FANFARE_LEVEL_ERROR,
    critical = FANFARE_LEVEL_CRITICAL,
    alert = FANFARE_LEVEL_ALERT,
    emergency = FANFARE_LEVEL_EMERGENCY,
};

enum class verdict : std::int32_t {
    accepted = FANFARE_VERDICT_ACCEPTED,
    not_now = FANFARE_VERDICT_NOT_NOW,
    gone = FANFARE_VERDICT_GONE,
};

enum class access : std::int32_t {
    allow = FANFARE_ACCESS_ALLOW,
    omit = FANFARE_ACCESS_OMIT,
    refuse = FANFARE_ACCESS_REFUSE,
};

enum class topic : std::uint32_t {
    any = FANFARE_TOPIC_ANY,
    tool_list = FANFARE_TOPIC_TOOL_LIST,
    prompt_list = FANFARE_TOPIC_PROMPT_LIST,
    resource_list = FANFARE_TOPIC_RESOURCE_LIST,
    resource = FANFARE_TOPIC_RESOURCE,
    task = FANFARE_TOPIC_TASK,
};

enum class disposition : std::uint32_t {
    /// The engine has dealt with the message.
    handled = FANFARE_HANDLED,
    /// The host must act on it.
    pass = FANFARE_PASS,
};

/// Why a call failed.
struct failure {
    fanfare_status code;
    /// What the library says of this call in particular.
    std::string detail;

    /// As in "FANFARE_E_GONE".
    const char *name() const noexcept { return fanfare_status_name(code); }
};

#ifndef FANFARE_NO_EXCEPTIONS

/// A call that failed. what() has its name and its detail.
class error : public std::runtime_error {
public:
    explicit error(failure why)
        : std::runtime_error(std::string(why.name()) + ": " + why.detail), why_(std::move(why)) {}

    fanfare_status code() const noexcept { return why_.code; }
    const char *name() const noexcept { return why_.name(); }
    const std::string &detail() const noexcept { return why_.detail; }

private:
    failure why_;
};

template <class T>
using result = T;

#else

/// A value, or why there is none.
template <class T>
class [[nodiscard]] result {
public:
    result(T value) : value_(std::move(value)) {}
    result(failure why) : why_(std::move(why)) {}

    bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }

    /// Only where there is one, as of a std::optional.
    T &operator*() & noexcept { return *value_; }
    const T &operator*() const & noexcept { return *value_; }
    T &&operator*() && noexcept { return *std::move(value_); }
    T *operator->() noexcept { return &*value_; }
    const T *operator->() const noexcept { return &*value_; }

    /// Only where there is no value.
    const failure &error() const noexcept { return why_; }

private:
    std::optional<T> value_;
    failure why_{};
};

template <>
class [[nodiscard]] result<void> {
public:
    result() = default;
    result(failure why) : why_(std::move(why)) {}

    bool has_value() const noexcept { return why_.code >= 0; }
    explicit operator bool() const noexcept { return has_value(); }
    const failure &error() const noexcept { return why_; }

private:
    failure why_{FANFARE_OK, {}};
};

#endif

namespace detail {

/// What the library has to say about the call of this thread that failed last.
inline failure last_failure(fanfare_status code) {
    std::string text(fanfare_last_error(nullptr, 0), '\0');
    if (!text.empty()) fanfare_last_error(&text[0], text.size() + 1);
    return {code, std::move(text)};
}

template <class T>
result<T> fail(fanfare_status code) {
#ifndef FANFARE_NO_EXCEPTIONS
    throw error(last_failure(code));
#else
    return last_failure(code);
#endif
}

inline result<void> done(fanfare_status status) {
    if (status < 0) return fail<void>(status);
    return result<void>();
}

/// The value that a call has filled.
template <class T>
result<T> filled(fanfare_status status, T &value) {
    if (status < 0) return fail<T>(status);
    return std::move(value);
}

inline fanfare_str text(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline std::string_view view(fanfare_str text) noexcept {
    return text.len == 0 ? std::string_view() : std::string_view(text.ptr, text.len);
}

/// A struct of the library, with everything left out.
template <class T>
T blank() noexcept {
    T it{};
    it.struct_size = sizeof it;
    return it;
}

/// What callbacks threw: how often, and who is told.
class troubles {
public:
    using log_fn = std::function<void(level, std::string_view, std::string_view)>;

    void tell_to(log_fn log) {
        std::lock_guard<std::mutex> guard(mutex_);
        log_ = std::make_shared<log_fn>(std::move(log));
    }

    std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

    /// Runs `work`; what it throws is told and counted, and stays here.
    template <class Work>
    void run(Work &&work) noexcept {
#ifdef __cpp_exceptions
        try {
            work();
        } catch (const std::exception &what) {
            add("a callback threw: ", what.what());
        } catch (...) {
            add("a callback threw something that is no std::exception", "");
        }
#else
        work();
#endif
    }

    void add(const char *what, const char *why) noexcept {
        count_.fetch_add(1, std::memory_order_relaxed);
#ifdef __cpp_exceptions
        try {
            tell(what, why);
        } catch (...) {
            // The log is in trouble itself: nobody is left to be told.
        }
#else
        tell(what, why);
#endif
    }

private:
    void tell(const char *what, const char *why) {
        std::shared_ptr<log_fn> log;
        {
            std::lock_guard<std::mutex> guard(mutex_);
            log = log_;
        }
        if (log) (*log)(level::error, "fanfare::cpp", std::string(what) + why);
    }

    std::mutex mutex_;
    std::shared_ptr<log_fn> log_;
    std::atomic<std::uint64_t> count_{0};
};

/// A callable of the host on its way through the library.
template <class F>
struct held {
    F function;
    std::shared_ptr<detail::troubles> troubles;

    static held &of(void *ctx) noexcept { return *static_cast<held *>(ctx); }
    static void drop(void *ctx) noexcept { delete static_cast<held *>(ctx); }

    /// Calls it; `otherwise` if it throws.
    template <class R, class... Args>
    R call(R otherwise, Args &&...args) noexcept {
        troubles->run([&] { otherwise = function(std::forward<Args>(args)...); });
        return otherwise;
    }

    template <class... Args>
    void tell(Args &&...args) noexcept {
        troubles->run([&] { function(std::forward<Args>(args)...); });
    }
};

/// Registers a callable: `registering` is given it as context, with what drops it. If that fails
/// the callable is dropped here.
template <class F, class Register>
result<void> hand_over(std::shared_ptr<troubles> troubles, F &&function, Register registering) {
    using held_type = held<std::decay_t<F>>;
    auto owned =
        std::unique_ptr<held_type>(new held_type{std::forward<F>(function), std::move(troubles)});
    fanfare_status status = registering(owned.get(), &held_type::drop);
    if (status >= 0) static_cast<void>(owned.release());
    return done(status);
}

}  // namespace detail

/// How engines are to be. Belongs to one thread at a time; it may go before its engines.
class config {
public:
    config() : raw_(fanfare_config_new()), troubles_(std::make_shared<detail::troubles>()) {}

    /// Sets an option: fanfare_config_set().
    result<void> set(const std::string &key, const std::string &value) {
        return detail::done(fanfare_config_set(raw_.get(), key.c_str(), value.c_str()));
    }

    /// void(level, std::string_view target, std::string_view message)
    template <class F>
    result<void> on_log(level least, F &&function) {
        // It is told by the library, and of exceptions by us.
        auto shared = std::make_shared<std::decay_t<F>>(std::forward<F>(function));
        auto log = [shared](level of, std::string_view target, std::string_view message) {
            (*shared)(of, target, message);
        };
        troubles_->tell_to(log);
        using type = detail::held<decltype(log)>;
        return detail::hand_over(troubles_, log, [&](type *ctx, fanfare_drop_fn drop) {
            return fanfare_config_set_log(
                raw_.get(), static_cast<std::uint32_t>(least),
                [](void *at, const fanfare_log_record *it) {
                    type::of(at).tell(static_cast<level>(it->level), detail::view(it->target),
                                      detail::view(it->message));
                },
                ctx, drop);
        });
    }

    /// void(): an idle engine has output again.
    template <class F>
    result<void> on_wake(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(
            troubles_, std::forward<F>(function), [&](type *ctx, fanfare_drop_fn drop) {
                return fanfare_config_set_wake(
                    raw_.get(), [](void *at) { type::of(at).tell(); }, ctx, drop);
            });
    }

    /// void(): something is due sooner than was planned.
    template <class F>
    result<void> on_deadline(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(
            troubles_, std::forward<F>(function), [&](type *ctx, fanfare_drop_fn drop) {
                return fanfare_config_set_deadline(
                    raw_.get(), [](void *at) { type::of(at).tell(); }, ctx, drop);
            });
    }

    /// void(const fanfare_lag &)
    template <class F>
    result<void> on_lag(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(
            troubles_, std::forward<F>(function), [&](type *ctx, fanfare_drop_fn drop) {
                return fanfare_config_set_lag(
                    raw_.get(), [](void *at, const fanfare_lag *lag) { type::of(at).tell(*lag); },
                    ctx, drop);
            });
    }

    /// void(fanfare_session, end_reason, void *user_data)
    template <class F>
    result<void> on_session_end(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(
            troubles_, std::forward<F>(function), [&](type *ctx, fanfare_drop_fn drop) {
                return fanfare_config_set_session_end(
                    raw_.get(),
                    [](void *at, fanfare_session session, std::uint32_t reason, void *user_data) {
                        type::of(at).tell(session, static_cast<end_reason>(reason), user_data);
                    },
                    ctx, drop);
            });
    }

    /// void(fanfare_session, fanfare_stream, void *user_data)
    template <class F>
    result<void> on_stream_end(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(
            troubles_, std::forward<F>(function), [&](type *ctx, fanfare_drop_fn drop) {
                return fanfare_config_set_stream_end(
                    raw_.get(),
                    [](void *at, fanfare_session session, fanfare_stream stream, void *user_data) {
                        type::of(at).tell(session, stream, user_data);
                    },
                    ctx, drop);
            });
    }

    /// access(const fanfare_access_request &)
    template <class F>
    result<void> authorize(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(troubles_, std::forward<F>(function),
                                 [&](type *ctx, fanfare_drop_fn drop) {
                                     return fanfare_config_set_authorize(
                                         raw_.get(),
                                         [](void *at, const fanfare_access_request *request) {
                                             return static_cast<std::int32_t>(
                                                 type::of(at).call(access::refuse, *request));
                                         },
                                         ctx, drop);
                                 });
    }

    const fanfare_config *raw() const noexcept { return raw_.get(); }

private:
    friend class engine;

    struct free {
        void operator()(fanfare_config *it) const noexcept { fanfare_config_free(it); }
    };

    std::unique_ptr<fanfare_config, free> raw_;
    std::shared_ptr<detail::troubles> troubles_;
};

/// To whom a notification is raised, and with which context: everyone, and none, unless said. Its
/// texts are borrowed until the call that takes it is over.
class raise {
public:
    raise() noexcept : raw_(detail::blank<fanfare_raise>()) {}

    static raise to_session(fanfare_session session) noexcept {
        return raise(FANFARE_TARGET_SESSION, session);
    }

    /// `id` is the JSON text of a request id.
    static raise to_request(fanfare_session session, std::string_view id) noexcept {
        raise it(FANFARE_TARGET_REQUEST, session);
        it.raw_.request = detail::text(id);
        return it;
    }

    static raise to_all_but(fanfare_session session) noexcept {
        return raise(FANFARE_TARGET_EXCEPT, session);
    }

    static raise to_principal(std::string_view name) noexcept {
        raise it(FANFARE_TARGET_PRINCIPAL, 0);
        it.raw_.principal = detail::text(name);
        return it;
    }

    /// The JSON text of an object whose members land in params._meta.
    raise with_context(std::string_view object) const noexcept {
        raise it = *this;
        it.raw_.context = detail::text(object);
        return it;
    }

    /// NULL, which means the same and costs less, where nothing was said.
    const fanfare_raise *raw() const noexcept {
        bool is_plain = raw_.target == FANFARE_TARGET_ALL && raw_.context.ptr == nullptr;
        return is_plain ? nullptr : &raw_;
    }

private:
    raise(std::uint32_t target, fanfare_session session) noexcept : raise() {
        raw_.target = target;
        raw_.session = session;
    }

    fanfare_raise raw_;
};

/// How a session is opened; what is left out is as in fanfare_session_params.
struct session_params {
    fanfare::profile profile = fanfare::profile::open;
    /// FANFARE_REVISION_..., for a legacy one.
    std::uint32_t revision = 0;
    bool handshake = false;
    fanfare::framing framing = fanfare::framing::ndjson;
    fanfare::overflow overflow = fanfare::overflow::of_engine;
    std::uint32_t max_queued_frames = 0;
    std::uint32_t max_queued_bytes = 0;
    std::string_view capabilities{};
    std::string_view principal{};
    void *user_data = nullptr;
};

/// The frames of a batch, as long as nothing else is taken into it.
template <class Frame>
class frames {
public:
    frames(const Frame *first, std::size_t count) noexcept : first_(first), count_(count) {}

    const Frame *begin() const noexcept { return first_; }
    const Frame *end() const noexcept { return first_ + count_; }
    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    const Frame &operator[](std::size_t at) const noexcept { return first_[at]; }

private:
    const Frame *first_;
    std::size_t count_;
};

/// The bytes of a frame.
inline std::string_view bytes(const fanfare_frame &frame) noexcept {
    return detail::view(frame.data);
}

/// Whether a frame is the last one of its stream.
template <class Frame>
bool is_last(const Frame &frame) noexcept {
    return (frame.flags & FANFARE_FRAME_LAST) != 0;
}

/// Where frames are taken into. Belongs to one thread at a time, and may be used again and again.
class batch {
public:
    batch() : raw_(fanfare_batch_new()) {}

    fanfare_batch *raw() const noexcept { return raw_.get(); }

private:
    struct free {
        void operator()(fanfare_batch *it) const noexcept { fanfare_batch_free(it); }
    };

    std::unique_ptr<fanfare_batch, free> raw_;
};

class engine;

namespace detail {

using shared_engine = std::shared_ptr<fanfare_engine>;

/// The frames that a call has taken into a batch.
inline result<frames<fanfare_frame>> taken(fanfare_status status, const batch &into) {
    if (status < 0) return fail<frames<fanfare_frame>>(status);
    std::size_t count = 0;
    const fanfare_frame *first = fanfare_batch_frames(into.raw(), &count);
    return frames<fanfare_frame>(first, first == nullptr ? 0 : count);
}

/// The bytes that a call has written into a buffer. Where it was too small, none were, and the
/// failure says how many are needed.
inline result<std::size_t> written(fanfare_status status, std::size_t &len) {
    if (status == FANFARE_TRUNCATED) {
        failure why{status,
                    "the buffer is too small: " + std::to_string(len) + " bytes are needed"};
#ifndef FANFARE_NO_EXCEPTIONS
        throw error(std::move(why));
#else
        return why;
#endif
    }
    return filled(status, len);
}

}  // namespace detail

/// A subscriptions/listen of a session. No owner: it ends with its session, when its client cancels
/// it, or by end().
class subscription {
public:
    subscription() = default;

    fanfare_subscription id() const noexcept { return id_; }

    result<void> end(end_reason reason) const {
        return detail::done(
            fanfare_subscription_end(engine_.get(), id_, static_cast<std::uint32_t>(reason)));
    }

private:
    friend class session;

    subscription(detail::shared_engine engine, fanfare_subscription id) noexcept
        : engine_(std::move(engine)), id_(id) {}

    detail::shared_engine engine_;
    fanfare_subscription id_ = 0;
};

/// A stream that was opened by name: one connection. When it goes, the connection counts as gone.
class stream {
public:
    stream() = default;
    stream(stream &&other) noexcept { swap(other); }
    stream &operator=(stream &&other) noexcept {
        stream(std::move(other)).swap(*this);
        return *this;
    }
    ~stream() {
        if (id_ != 0) static_cast<void>(fanfare_stream_close(engine_.get(), id_));
    }

    fanfare_stream id() const noexcept { return id_; }

    /// Gives it up without closing it.
    fanfare_stream release() noexcept { return std::exchange(id_, 0); }

    result<void> close() { return detail::done(fanfare_stream_close(engine_.get(), release())); }

    result<void> hang_up(std::uint32_t retry_ms) {
        return detail::done(fanfare_stream_hang_up(engine_.get(), id_, retry_ms));
    }

    result<frames<fanfare_frame>> recv(std::size_t max, batch &into) {
        return detail::taken(fanfare_recv_stream(engine_.get(), id_, max, into.raw()), into);
    }

private:
    friend class session;

    stream(detail::shared_engine engine, fanfare_stream id) noexcept
        : engine_(std::move(engine)), id_(id) {}

    void swap(stream &other) noexcept {
        engine_.swap(other.engine_);
        std::swap(id_, other.id_);
    }

    detail::shared_engine engine_;
    fanfare_stream id_ = 0;
};

/// One peer of an engine. When it goes, the peer counts as gone; end() says goodbye first.
class session {
public:
    session() = default;
    session(session &&other) noexcept { swap(other); }
    session &operator=(session &&other) noexcept {
        session(std::move(other)).swap(*this);
        return *this;
    }
    ~session() {
        if (id_ != 0) static_cast<void>(fanfare_session_close(engine_.get(), id_));
    }

    fanfare_session id() const noexcept { return id_; }

    /// Gives it up without closing it.
    fanfare_session release() noexcept { return std::exchange(id_, 0); }

    result<void> end(end_reason reason) {
        return detail::done(
            fanfare_session_end(engine_.get(), id_, static_cast<std::uint32_t>(reason)));
    }

    result<void> close() { return detail::done(fanfare_session_close(engine_.get(), release())); }
    result<void> pause() { return detail::done(fanfare_session_pause(engine_.get(), id_)); }
    result<void> resume() { return detail::done(fanfare_session_resume(engine_.get(), id_)); }

    /// FANFARE_REVISION_...; 0 while it is not settled, and for open sessions.
    result<std::uint32_t> revision() const {
        std::uint32_t revision = 0;
        return detail::filled(fanfare_session_revision(engine_.get(), id_, &revision), revision);
    }

    result<fanfare_session_counters> stats() const {
        auto stats = detail::blank<fanfare_session_counters>();
        return detail::filled(fanfare_session_stats(engine_.get(), id_, &stats), stats);
    }

    /// A message of the client, as bytes. 0: its only stream.
    result<disposition> receive(std::string_view message, fanfare_stream on = 0) {
        std::uint32_t said = 0;
        fanfare_status status =
            fanfare_receive(engine_.get(), id_, on, message.data(), message.size(), &said);
        auto answer = static_cast<disposition>(said);
        return detail::filled(status, answer);
    }

    /// The same, and calls void(std::string_view) with each message that the host must act on. An
    /// exception of it ends the calls, and is thrown here once the message has been taken in.
    template <class F>
    result<disposition> receive_each(std::string_view message, F &&pass, fanfare_stream on = 0) {
        struct passing {
            std::remove_reference_t<F> &pass;
            std::exception_ptr thrown;
        } context{pass, nullptr};
        std::uint32_t said = 0;
        fanfare_status status = fanfare_receive_each(
            engine_.get(), id_, on, message.data(), message.size(),
            [](void *at, const char *text, std::size_t len) {
                auto &it = *static_cast<passing *>(at);
                if (it.thrown) return;
#ifdef __cpp_exceptions
                try {
                    it.pass(std::string_view(text, len));
                } catch (...) {
                    it.thrown = std::current_exception();
                }
#else
                it.pass(std::string_view(text, len));
#endif
            },
            &context, &said);
        if (context.thrown) std::rethrow_exception(context.thrown);
        auto answer = static_cast<disposition>(said);
        return detail::filled(status, answer);
    }

    /// A message of the host's own, as JSON text.
    result<void> send(std::string_view message, fanfare_stream on = 0) {
        return detail::done(fanfare_send(engine_.get(), id_, on, message.data(), message.size()));
    }

    result<void> subscribe(std::string_view uri) {
        return detail::done(fanfare_subscribe(engine_.get(), id_, uri.data(), uri.size()));
    }

    result<void> unsubscribe(std::string_view uri) {
        return detail::done(fanfare_unsubscribe(engine_.get(), id_, uri.data(), uri.size()));
    }

    result<void> subscribe_template(std::string_view text) {
        return detail::done(
            fanfare_subscribe_template(engine_.get(), id_, text.data(), text.size()));
    }

    result<void> unsubscribe_template(std::string_view text) {
        return detail::done(
            fanfare_unsubscribe_template(engine_.get(), id_, text.data(), text.size()));
    }

    /// `id` is the JSON text of the request's id, `filter` of its notifications.
    result<subscription> listen(std::string_view id, std::string_view filter,
                                fanfare_stream on = 0) {
        fanfare_subscription made = 0;
        fanfare_status status = fanfare_listen(engine_.get(), id_, on, id.data(), id.size(),
                                               filter.data(), filter.size(), &made);
        subscription it(engine_, made);
        return detail::filled(status, it);
    }

    result<stream> open_stream(stream_kind kind) {
        fanfare_stream made = 0;
        fanfare_status status =
            fanfare_stream_open(engine_.get(), id_, static_cast<std::uint32_t>(kind), &made);
        stream it(engine_, made);
        return detail::filled(status, it);
    }

    result<stream> resume_stream(std::string_view last_event_id) {
        fanfare_stream made = 0;
        fanfare_status status = fanfare_stream_resume(engine_.get(), id_, last_event_id.data(),
                                                      last_event_id.size(), &made);
        stream it(engine_, made);
        return detail::filled(status, it);
    }

    /// Whole frames, one after the other; how many bytes, 0 if nothing is queued.
    result<std::size_t> read(char *buf, std::size_t cap) {
        std::size_t len = 0;
        fanfare_status status = fanfare_read(engine_.get(), id_, buf, cap, &len);
        return detail::written(status, len);
    }

    result<frames<fanfare_frame>> recv(std::size_t max, batch &into) {
        return detail::taken(fanfare_recv(engine_.get(), id_, max, into.raw()), into);
    }

    /// verdict(const fanfare_frame &)
    template <class F>
    result<void> on_frame(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(troubles_, std::forward<F>(function),
                                 [&](type *ctx, fanfare_drop_fn drop) {
                                     return fanfare_session_on_frame(
                                         engine_.get(), id_,
                                         [](void *at, const fanfare_frame *frame) {
                                             return static_cast<std::int32_t>(
                                                 type::of(at).call(verdict::not_now, *frame));
                                         },
                                         ctx, drop);
                                 });
    }

private:
    friend class engine;

    session(detail::shared_engine engine, std::shared_ptr<detail::troubles> troubles,
            fanfare_session id) noexcept
        : engine_(std::move(engine)), troubles_(std::move(troubles)), id_(id) {}

    void swap(session &other) noexcept {
        engine_.swap(other.engine_);
        troubles_.swap(other.troubles_);
        std::swap(id_, other.id_);
    }

    detail::shared_engine engine_;
    std::shared_ptr<detail::troubles> troubles_;
    fanfare_session id_ = 0;
};

/// Everything: sessions, what they want, and what waits to be sent to them. Its functions may be
/// called from any thread at any time.
class engine {
public:
    /// None: every call fails.
    engine() = default;
    engine(engine &&) noexcept = default;
    engine &operator=(engine &&) noexcept = default;

    static result<engine> make(const config &with = config()) {
        fanfare_engine *made = nullptr;
        fanfare_status status = fanfare_engine_new(with.raw(), &made);
        engine it;
        if (status >= 0) {
            it.troubles_ = with.troubles_;
            std::shared_ptr<detail::troubles> troubles = with.troubles_;
            it.raw_ = detail::shared_engine(made, [troubles](fanfare_engine *raw) {
                if (fanfare_engine_free(raw) < 0) {
                    troubles->add("an engine was to be freed inside one of its own callbacks", "");
                }
            });
        }
        return detail::filled(status, it);
    }

    result<session> open(const session_params &params = session_params()) {
        auto raw = detail::blank<fanfare_session_params>();
        raw.profile = static_cast<std::uint32_t>(params.profile);
        raw.revision = params.revision;
        raw.handshake = params.handshake ? 1 : 0;
        raw.framing = static_cast<std::uint32_t>(params.framing);
        raw.overflow = static_cast<std::uint32_t>(params.overflow);
        raw.max_queued_frames = params.max_queued_frames;
        raw.max_queued_bytes = params.max_queued_bytes;
        raw.capabilities = detail::text(params.capabilities);
        raw.principal = detail::text(params.principal);
        raw.user_data = params.user_data;
        fanfare_session made = 0;
        fanfare_status status = fanfare_session_open(raw_.get(), &raw, &made);
        session it(raw_, troubles_, made);
        return detail::filled(status, it);
    }

    // Raising. Each yields how many subscriptions (for events: sessions) it reached.

    result<std::size_t> notify(std::string_view method, std::string_view params = {},
                               const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(fanfare_notify(raw_.get(), method.data(), method.size(),
                                             params.data(), params.size(), to.raw(), &matched),
                              matched);
    }

    result<std::size_t> notify_tool_list_changed(const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(fanfare_notify_tool_list_changed(raw_.get(), to.raw(), &matched),
                              matched);
    }

    result<std::size_t> notify_prompt_list_changed(const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(fanfare_notify_prompt_list_changed(raw_.get(), to.raw(), &matched),
                              matched);
    }

    result<std::size_t> notify_resource_list_changed(const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(fanfare_notify_resource_list_changed(raw_.get(), to.raw(), &matched),
                              matched);
    }

    result<std::size_t> notify_resource_updated(std::string_view uri, const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(
            fanfare_notify_resource_updated(raw_.get(), uri.data(), uri.size(), to.raw(), &matched),
            matched);
    }

    /// `token` is JSON text; a total that is not a number is none.
    result<std::size_t> notify_progress(std::string_view token, double progress, double total = NAN,
                                        std::string_view message = {}, const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(
            fanfare_notify_progress(raw_.get(), token.data(), token.size(), progress, total,
                                    message.data(), message.size(), to.raw(), &matched),
            matched);
    }

    /// `data` is JSON text.
    result<std::size_t> notify_logging_message(level of, std::string_view logger,
                                               std::string_view data, const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(fanfare_notify_logging_message(
                                  raw_.get(), static_cast<std::uint32_t>(of), logger.data(),
                                  logger.size(), data.data(), data.size(), to.raw(), &matched),
                              matched);
    }

    /// `data` is JSON text; the level is level::warning or above.
    result<std::size_t> notify_alert(level of, std::string_view logger, std::string_view data,
                                     const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(
            fanfare_notify_alert(raw_.get(), static_cast<std::uint32_t>(of), logger.data(),
                                 logger.size(), data.data(), data.size(), to.raw(), &matched),
            matched);
    }

    /// `params` are the JSON text of a DetailedTask (2026-07-28).
    result<std::size_t> notify_task(std::string_view params, const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(
            fanfare_notify_task(raw_.get(), params.data(), params.size(), to.raw(), &matched),
            matched);
    }

    /// `params` are the JSON text of a Task (2025-11-25).
    result<std::size_t> notify_task_status(std::string_view params, const raise &to = {}) {
        std::size_t matched = 0;
        return detail::filled(fanfare_notify_task_status(raw_.get(), params.data(), params.size(),
                                                         to.raw(), &matched),
                              matched);
    }

    result<std::size_t> subscriber_count(std::string_view uri) const {
        std::size_t count = 0;
        return detail::filled(fanfare_subscriber_count(raw_.get(), uri.data(), uri.size(), &count),
                              count);
    }

    // Draining.

    /// Up to max frames of all sessions without a callback, in turns.
    result<frames<fanfare_frame>> recv(std::size_t max, batch &into) {
        return detail::taken(fanfare_recv(raw_.get(), 0, max, into.raw()), into);
    }

    /// The same in parts, for vectored writes.
    result<frames<fanfare_vectored_frame>> recv_vectored(std::size_t max, batch &into) {
        fanfare_status status = fanfare_recv_vectored(raw_.get(), 0, max, into.raw());
        if (status < 0) return detail::fail<frames<fanfare_vectored_frame>>(status);
        std::size_t count = 0;
        const fanfare_vectored_frame *first = fanfare_batch_vectored_frames(into.raw(), &count);
        return frames<fanfare_vectored_frame>(first, first == nullptr ? 0 : count);
    }

    /// Packs the frames of many sessions: fanfare_drain(). How many bytes, 0 if nothing is queued.
    result<std::size_t> drain(char *buf, std::size_t cap) {
        std::size_t len = 0;
        fanfare_status status = fanfare_drain(raw_.get(), buf, cap, &len);
        return detail::written(status, len);
    }

    /// verdict(const fanfare_frame &), for sessions without a callback of their own.
    template <class F>
    result<void> on_frame(F &&function) {
        using type = detail::held<std::decay_t<F>>;
        return detail::hand_over(troubles_, std::forward<F>(function),
                                 [&](type *ctx, fanfare_drop_fn drop) {
                                     return fanfare_engine_on_frame(
                                         raw_.get(),
                                         [](void *at, const fanfare_frame *frame) {
                                             return static_cast<std::int32_t>(
                                                 type::of(at).call(verdict::not_now, *frame));
                                         },
                                         ctx, drop);
                                 });
    }

    /// Runs callbacks on this thread for up to max frames; how many were accepted.
    result<std::size_t> dispatch(std::size_t max = SIZE_MAX) {
        std::size_t count = 0;
        return detail::filled(fanfare_dispatch(raw_.get(), max, &count), count);
    }

    result<void> start_dispatcher(std::uint32_t threads) {
        return detail::done(fanfare_dispatcher_start(raw_.get(), threads));
    }

    result<void> stop_dispatcher() { return detail::done(fanfare_dispatcher_stop(raw_.get())); }

    /// Whether there is output: false if the time is over, or after wakeup(). A negative time waits
    /// for as long as it takes.
    result<bool> wait(std::int32_t timeout_ms = -1) {
        std::size_t none = 0;
        fanfare_status status = fanfare_engine_wait(raw_.get(), timeout_ms, nullptr, 0, &none);
        bool has_output = status == FANFARE_OK;
        return detail::filled(status, has_output);
    }

    /// The same, and writes up to cap sessions that have output to `ready`; how many, 0 if there is
    /// none. A session stays ready until its output has been taken, or it is paused.
    result<std::size_t> wait(std::int32_t timeout_ms, fanfare_session *ready, std::size_t cap) {
        std::size_t count = 0;
        return detail::filled(
            fanfare_engine_wait(raw_.get(), timeout_ms, ready, cap, &count), count);
    }

    result<void> wakeup() { return detail::done(fanfare_engine_wakeup(raw_.get())); }

    /// For a poll loop: readable as long as some session has output. -1 where there is none.
    int fd() const noexcept { return fanfare_engine_fd(raw_.get()); }

    /// Does what is due; after how many milliseconds to call again, or FANFARE_NEVER.
    result<std::uint64_t> tick() {
        std::uint64_t wait_ms = 0;
        return detail::filled(fanfare_engine_tick(raw_.get(), &wait_ms), wait_ms);
    }

    /// Moves a clock of the host's own (the option clock=manual); when to come again.
    result<std::uint64_t> advance(std::uint64_t now_ms) {
        std::uint64_t next_ms = 0;
        return detail::filled(fanfare_engine_advance(raw_.get(), now_ms, &next_ms), next_ms);
    }

    /// Has access asked for again: of one principal or all (empty), of one topic or any.
    result<fanfare_revoked> revoke(std::string_view principal = {}, topic what = topic::any,
                                   std::string_view name = {}) {
        fanfare_revoked did{};
        return detail::filled(
            fanfare_revoke(raw_.get(), principal.data(), principal.size(),
                           static_cast<std::uint32_t>(what), name.data(), name.size(), &did),
            did);
    }

    result<fanfare_counters> stats() const {
        auto stats = detail::blank<fanfare_counters>();
        return detail::filled(fanfare_engine_stats(raw_.get(), &stats), stats);
    }

    /// How many exceptions callbacks have thrown, of all engines of the same config.
    std::uint64_t troubles() const noexcept { return troubles_ ? troubles_->count() : 0; }

    fanfare_engine *raw() const noexcept { return raw_.get(); }

private:
    detail::shared_engine raw_;
    std::shared_ptr<detail::troubles> troubles_;
};

// Streamable HTTP: what a request is before the engine sees it, and how its answer goes out.
namespace http {

enum class era : std::uint32_t {
    legacy = FANFARE_HTTP_LEGACY,
    modern = FANFARE_HTTP_MODERN,
};

enum class kind : std::uint32_t {
    initialize = FANFARE_HTTP_INITIALIZE,
    request = FANFARE_HTTP_REQUEST,
    one_way = FANFARE_HTTP_ONE_WAY,
    get = FANFARE_HTTP_GET,
    remove = FANFARE_HTTP_DELETE,
};

enum class form : std::uint32_t {
    empty = FANFARE_HTTP_EMPTY,
    json = FANFARE_HTTP_JSON,
    stream = FANFARE_HTTP_STREAM,
};

/// A request as an HTTP library has read it. Its texts are borrowed for as long as it, or a call
/// that was made of it, is used.
class request {
public:
    explicit request(std::string_view method, std::string_view body = {})
        : method_(method), body_(body) {}

    /// All of them: those that MCP does not know are passed over.
    void add_header(std::string_view name, std::string_view value) {
        headers_.push_back({detail::text(name), detail::text(value)});
    }

    fanfare_http_request raw() const noexcept {
        auto it = detail::blank<fanfare_http_request>();
        it.method = detail::text(method_);
        it.headers = headers_.data();
        it.header_count = headers_.size();
        it.body = detail::text(body_);
        return it;
    }

private:
    std::string_view method_, body_;
    std::vector<fanfare_http_header> headers_;
};

/// What a request is, or how to refuse it.
class call {
public:
    /// Then status(), refusal() and allow() say how, and nothing else says anything.
    bool is_refused() const noexcept { return raw_.status != 0; }
    std::uint32_t status() const noexcept { return raw_.status; }
    /// The body of the refusal, as JSON text.
    const std::string &refusal() const noexcept { return refusal_; }
    /// The value of the header Allow; empty where there is to be none.
    std::string_view allow() const noexcept {
        return raw_.allow == nullptr ? std::string_view() : std::string_view(raw_.allow);
    }

    http::kind kind() const noexcept { return static_cast<http::kind>(raw_.kind); }
    http::era era() const noexcept { return static_cast<http::era>(raw_.era); }
    /// FANFARE_REVISION_...; 0 for initialize, and while that of the session is not settled.
    std::uint32_t revision() const noexcept { return raw_.revision; }
    bool is_batch() const noexcept { return raw_.is_batch != 0; }
    /// The session that it belongs to; empty if none. Points into the request.
    std::string_view session_id() const noexcept { return detail::view(raw_.session_id); }
    /// Where a GET goes on: for session::resume_stream(). Points into the request.
    std::string_view last_event_id() const noexcept { return detail::view(raw_.last_event_id); }

    const fanfare_http_call *raw() const noexcept { return &raw_; }

private:
    friend class endpoint;

    call() noexcept : raw_(detail::blank<fanfare_http_call>()) {}

    fanfare_http_call raw_;
    std::string refusal_;
};

/// How to answer: for form::stream, with the first frame and all that follow it until is_last().
struct response {
    std::uint32_t status;
    http::form form;
    /// All there is, for form::json. Points into the frame.
    std::string_view body;
};

/// One endpoint of a server, as its choices describe it. It may be used from several threads.
class endpoint {
public:
    /// FANFARE_HTTP_NO_... and FANFARE_HTTP_LOOPBACK_HOSTS.
    explicit endpoint(std::uint32_t flags = 0) : raw_(detail::blank<fanfare_http_endpoint>()) {
        raw_.flags = flags;
    }

    /// An origin that may call besides, as in "https://app.example" or "null".
    endpoint &allow_origin(std::string origin) {
        origins_.push_back(std::move(origin));
        return *this;
    }

    /// A name by which it may be called, as in "mcp.example" or "mcp.example:8443".
    endpoint &answer_to(std::string host) {
        hosts_.push_back(std::move(host));
        return *this;
    }

    /// The status of an error -32602 in 2026-07-28: 400, unless said.
    endpoint &invalid_params_status(std::uint32_t status) noexcept {
        raw_.invalid_params_status = status;
        return *this;
    }

    /// The status of an error -32603 in 2026-07-28: 200, unless said.
    endpoint &internal_error_status(std::uint32_t status) noexcept {
        raw_.internal_error_status = status;
        return *this;
    }

    /// Whether the origin and the host of a request may call, which needs no body: 0, or 403.
    result<std::uint32_t> check_origin(const request &of) const {
        std::uint32_t status = 0;
        const fanfare_http_request raw = of.raw();
        return detail::filled(fanfare_http_check_origin(described(*this).raw(), raw.headers,
                                                        raw.header_count, &status),
                              status);
    }

    /// `lookup` is asked for the session with an id, at most once (twice, if the refusal is very
    /// long): std::optional<std::uint32_t>(std::string_view), the session's revision() if there is
    /// one, and it is this client's. What it throws is thrown here.
    template <class F>
    result<call> check(const request &what, F &&lookup) const {
        struct looking {
            std::remove_reference_t<F> &lookup;
            std::exception_ptr thrown;
        } context{lookup, nullptr};
        auto ask = [](void *at, const char *id, std::size_t len, std::uint32_t *revision) {
            auto &it = *static_cast<looking *>(at);
            auto find = [&]() -> std::int32_t {
                std::optional<std::uint32_t> found = it.lookup(std::string_view(id, len));
                if (found) *revision = *found;
                return found.has_value();
            };
#ifdef __cpp_exceptions
            try {
                return find();
            } catch (...) {
                it.thrown = std::current_exception();
                return 0;
            }
#else
            return find();
#endif
        };
        auto made = checked(what, ask, &context);
        if (context.thrown) std::rethrow_exception(context.thrown);
        return made;
    }

    /// For an endpoint without sessions.
    result<call> check(const request &what) const { return checked(what, nullptr, nullptr); }

    /// By the first frame, or a response of the host's own; empty: there is none yet. Nothing
    /// where that has to be waited for.
    result<std::optional<response>> answer(const call &of, std::string_view frame = {}) const {
        auto raw = detail::blank<fanfare_http_response>();
        fanfare_status status = fanfare_http_answer(described(*this).raw(), of.raw(), frame.data(),
                                                    frame.size(), &raw);
        std::optional<response> it;
        if (status == FANFARE_OK) {
            it = response{raw.status, static_cast<form>(raw.kind), detail::view(raw.body)};
        }
        return detail::filled(status, it);
    }

    /// The status of a response that is an error with that code.
    result<std::uint32_t> status(era of, std::int64_t code) const {
        std::uint32_t status = 0;
        return detail::filled(fanfare_http_status(described(*this).raw(),
                                                  static_cast<std::uint32_t>(of), code, &status),
                              status);
    }

private:
    /// It as the library wants it; nothing is allocated where there are no names.
    class described {
    public:
        explicit described(const endpoint &of)
            : origins_(texts(of.origins_)), hosts_(texts(of.hosts_)), raw_(of.raw_) {
            raw_.origins = origins_.data();
            raw_.origin_count = origins_.size();
            raw_.hosts = hosts_.data();
            raw_.host_count = hosts_.size();
        }
        described(described &&) = delete;

        const fanfare_http_endpoint *raw() const noexcept { return &raw_; }

    private:
        static std::vector<fanfare_str> texts(const std::vector<std::string> &of) {
            std::vector<fanfare_str> it;
            for (const std::string &text : of) it.push_back(detail::text(text));
            return it;
        }

        std::vector<fanfare_str> origins_, hosts_;
        fanfare_http_endpoint raw_;
    };

    result<call> checked(const request &what, fanfare_http_lookup_fn lookup, void *ctx) const {
        const described self(*this);
        const fanfare_http_request raw = what.raw();
        call it;
        char small[512];
        std::size_t len = 0;
        fanfare_status status =
            fanfare_http_check(self.raw(), &raw, lookup, ctx, &it.raw_, small, sizeof small, &len);
        if (status == FANFARE_TRUNCATED) {
            it.refusal_.resize(len);
            status = fanfare_http_check(self.raw(), &raw, lookup, ctx, &it.raw_, &it.refusal_[0],
                                        len + 1, &len);
        } else if (status == FANFARE_OK) {
            it.refusal_.assign(small, len);
        }
        return detail::filled(status, it);
    }

    fanfare_http_endpoint raw_;
    std::vector<std::string> origins_, hosts_;
};

/// Calls void(std::string_view name, std::string_view value) with each header that an answer of
/// that form needs beside the host's own. A refusal is form::json.
template <class F>
void each_header(form of, F &&each) {
    const char *name = nullptr, *value = nullptr;
    for (std::size_t at = 0; fanfare_http_response_header(static_cast<std::uint32_t>(of), at, &name,
                                                          &value) == FANFARE_OK;
         ++at) {
        each(std::string_view(name), std::string_view(value));
    }
}

/// A session id that nobody can guess, for the header MCP-Session-Id.
inline result<std::string> new_session_id() {
    char id[128];
    std::size_t len = 0;
    fanfare_status status = fanfare_http_session_id_new(id, sizeof id, &len);
    if (status < 0) return detail::fail<std::string>(status);
    return std::string(id, len);
}

}  // namespace http

}  // namespace fanfare

#endif  // FANFARE_HPP
