// What fanfare.hpp says of HTTP requests, and of their answers.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "check.hpp"
#include "fanfare.hpp"

namespace {

namespace http = fanfare::http;

const char *const meta = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                         R"("io.modelcontextprotocol/clientCapabilities":{}})";

// A POST as a client of 2026-07-28 sends it; the body has to live as long.
http::request modern(std::string_view body, std::string_view method) {
    http::request it("POST", body);
    it.add_header("Content-Type", "application/json");
    it.add_header("accept", "application/json, text/event-stream");
    it.add_header("MCP-Protocol-Version", "2026-07-28");
    it.add_header("Mcp-Method", method);
    return it;
}

http::request legacy(const char *method, std::string_view body, std::string_view session) {
    http::request it(method, body);
    it.add_header("Content-Type", "application/json");
    it.add_header("Accept", "application/json, text/event-stream");
    it.add_header("MCP-Protocol-Version", "2025-11-25");
    it.add_header("MCP-Session-Id", session);
    return it;
}

void a_modern_request() {
    const http::endpoint endpoint;
    const std::string body =
        std::string(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{)") + meta + "}}";
    auto call = endpoint.check(modern(body, "tools/list"));
    CHECK(!call.is_refused() && call.status() == 0 && call.refusal().empty());
    CHECK(call.kind() == http::kind::request && call.era() == http::era::modern);
    CHECK(call.revision() == FANFARE_REVISION_2026_07_28 && !call.is_batch());
    CHECK(call.session_id().empty() && call.last_event_id().empty() && call.allow().empty());

    CHECK(!endpoint.answer(call) && !endpoint.answer(call, ""));
    auto json = endpoint.answer(call, R"({"jsonrpc":"2.0","id":1,"result":{}})");
    CHECK(json && json->status == 200 && json->form == http::form::json);
    CHECK(json->body == R"({"jsonrpc":"2.0","id":1,"result":{}})");
    auto stream = endpoint.answer(
        call, R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}})");
    CHECK(stream && stream->status == 200 && stream->form == http::form::stream);
    CHECK(stream->body.empty());

    // The header says something else than the body: refused, and by whom it may be asked.
    auto refused = endpoint.check(modern(body, "tools/call"));
    CHECK(refused.is_refused() && refused.status() == 400);
    CHECK(refused.refusal().find("\"error\"") != std::string::npos);
    auto put = endpoint.check(http::request("PUT", body));
    CHECK(put.status() == 405 && put.allow().find("POST") != std::string_view::npos);
}

void a_legacy_session() {
    const http::endpoint endpoint;
    const std::string body = R"({"jsonrpc":"2.0","method":"notifications/cancelled",)"
                             R"("params":{"requestId":7}})";
    int asked = 0;
    auto lookup = [&](std::string_view id) -> std::optional<std::uint32_t> {
        asked += 1;
        if (id != "known") return {};
        return FANFARE_REVISION_2025_11_25;
    };
    const auto known = legacy("POST", body, "known");
    auto call = endpoint.check(known, lookup);
    CHECK(call.kind() == http::kind::one_way && call.era() == http::era::legacy);
    CHECK(call.session_id() == "known" && call.revision() == FANFARE_REVISION_2025_11_25);
    CHECK(asked == 1);
    auto accepted = endpoint.answer(call);
    CHECK(accepted && accepted->status == 202 && accepted->form == http::form::empty);
    CHECK(endpoint.check(legacy("POST", body, "other"), lookup).status() == 404);

    // Where the client does not say the revision, the session does.
    http::request silent("POST", body);
    silent.add_header("Content-Type", "application/json");
    silent.add_header("Accept", "application/json, text/event-stream");
    silent.add_header("MCP-Session-Id", "known");
    CHECK(endpoint.check(silent, lookup).revision() == FANFARE_REVISION_2025_11_25);

    auto get = legacy("GET", {}, "known");
    get.add_header("Last-Event-ID", "7");
    call = endpoint.check(get, lookup);
    CHECK(call.kind() == http::kind::get && call.last_event_id() == "7");
    const auto removing = legacy("DELETE", {}, "known");
    CHECK(endpoint.check(removing, lookup).kind() == http::kind::remove);
    CHECK(http::endpoint(FANFARE_HTTP_NO_GET).check(get, lookup).status() == 405);

    // What the lookup throws comes out here.
    try {
        endpoint.check(known, [](std::string_view) -> std::optional<std::uint32_t> {
            throw std::out_of_range("no such thing");
        });
        FAIL("it was not thrown");
    } catch (const std::out_of_range &) {
    }
}

void who_may_call() {
    http::endpoint endpoint(FANFARE_HTTP_LOOPBACK_HOSTS);
    endpoint.allow_origin("https://app.example").answer_to("mcp.example");
    const http::endpoint kept = endpoint;  // with names of its own
    endpoint = http::endpoint();
    auto status = [&](std::string_view origin, std::string_view host) {
        http::request it("POST");
        it.add_header("Origin", origin);
        it.add_header("Host", host);
        return std::uint32_t{kept.check_origin(it)};
    };
    CHECK(status("https://app.example", "mcp.example:8080") == 0);
    CHECK(status("https://app.example", "localhost:8080") == 0);
    CHECK(status("https://app.example", "other.example") == 403);
    CHECK(status("https://evil.example", "localhost") == 403);
}

void statuses_and_headers() {
    http::endpoint endpoint;
    CHECK(endpoint.status(http::era::modern, -32602) == 400);
    CHECK(endpoint.status(http::era::modern, -32603) == 200);
    CHECK(endpoint.status(http::era::legacy, -32602) == 200);
    endpoint.invalid_params_status(200).internal_error_status(500);
    CHECK(endpoint.status(http::era::modern, -32602) == 200);
    CHECK(endpoint.status(http::era::modern, -32603) == 500);

    std::map<std::string, std::string> headers;
    http::each_header(http::form::stream, [&](std::string_view name, std::string_view value) {
        headers.emplace(name, value);
    });
    CHECK(headers.at("Content-Type") == "text/event-stream");
    headers.clear();
    http::each_header(http::form::json, [&](std::string_view name, std::string_view value) {
        headers.emplace(name, value);
    });
    CHECK(headers.at("Content-Type") == "application/json");

    std::string id = http::new_session_id();
    CHECK(id.size() == 32 && id != std::string(http::new_session_id()));
}

// A refusal that is longer than most comes whole.
void a_long_refusal() {
    const std::string id(2000, 'x');
    const std::string body = R"({"jsonrpc":"2.0","id":")" + id +
                             R"(","method":"tools/list","params":{)" + meta + "}}";
    const std::string text = http::endpoint().check(modern(body, "tools/call")).refusal();
    CHECK(text.find(id) != std::string::npos && text.back() == '}');
    CHECK(text.find('\0') == std::string::npos);
}

void who_is_ready() {
    auto engine = fanfare::engine::make();
    fanfare_session ready[4] = {};
    CHECK(engine.wait(0, ready, 4) == 0);
    auto quiet = engine.open({fanfare::profile::open});
    auto first = engine.open({fanfare::profile::open});
    auto second = engine.open({fanfare::profile::open});
    for (auto *it : {&first, &second}) {
        engine.notify("notifications/x", {}, fanfare::raise::to_session(it->id()));
    }
    CHECK(engine.wait(0, ready, 4) == 2 && ready[0] == first.id() && ready[1] == second.id());
    first.pause();
    CHECK(engine.wait(-1, ready, 4) == 1 && ready[0] == second.id());
}

}  // namespace

int main() {
    a_modern_request();
    a_legacy_session();
    who_may_call();
    statuses_and_headers();
    a_long_refusal();
    who_is_ready();
}
