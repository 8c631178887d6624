/* An HTTP endpoint over what the library lends it: what it refuses, what a request is, how the
   answer to it begins. */
#include "check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char PING[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}";
static const char NOTE[] = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}";
static const char HELLO[] = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}";
static const char META[] = "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                           "\"io.modelcontextprotocol/clientCapabilities\":{}}";

static fanfare_http_header header(const char *name, const char *value) {
    fanfare_http_header h;
    h.name = str(name);
    h.value = str(value);
    return h;
}

static fanfare_http_endpoint endpoint(uint32_t flags) {
    fanfare_http_endpoint e;
    memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    e.flags = flags;
    return e;
}

static fanfare_http_request request(const char *method, const fanfare_http_header *headers,
                                    size_t count, const char *body) {
    fanfare_http_request r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    r.method = str(method);
    r.headers = headers;
    r.header_count = count;
    r.body = str(body);
    return r;
}

static fanfare_http_call new_call(void) {
    fanfare_http_call call;
    memset(&call, 0x55, sizeof call);
    call.struct_size = sizeof call;
    return call;
}

/* The host's own table: one session. */
struct table {
    fanfare_engine *engine;
    fanfare_session session;
    char id[64];
    size_t id_len;
    int asked;
};

static int32_t lookup(void *ctx, const char *id, size_t len, uint32_t *out_revision) {
    struct table *table = ctx;
    table->asked++;
    CHECK(*out_revision == 0);
    if (len != table->id_len || memcmp(id, table->id, len) != 0) return 0;
    return fanfare_session_revision(table->engine, table->session, out_revision) == FANFARE_OK;
}

/* Checks a request; the text of a refusal, valid until the next call. */
static const char *check(const fanfare_http_endpoint *e, const fanfare_http_request *r,
                         struct table *table, fanfare_http_call *call) {
    static char text[1024];
    size_t len = 77;
    *call = new_call();
    OK(fanfare_http_check(e, r, lookup, table, call, text, sizeof text, &len));
    CHECK(len == strlen(text) && (len == 0) == (call->status == 0));
    return text;
}

static void refused(const fanfare_http_endpoint *e, const fanfare_http_request *r,
                    struct table *table, uint32_t status, const char *part) {
    fanfare_http_call call;
    fanfare_http_response response;
    const char *text = check(e, r, table, &call);
    if (call.status != status || strstr(text, part) == NULL)
        fprintf(stderr, "%u: %s\nexpected %u: %s\n", call.status, text, status, part);
    CHECK(call.status == status && strstr(text, part) != NULL);
    CHECK((call.allow != NULL) == (status == 405));
    CHECK(call.session_id.ptr == NULL && call.last_event_id.ptr == NULL);
    memset(&response, 0, sizeof response);
    response.struct_size = sizeof response;
    FAILS(FANFARE_E_STATE, "refused", fanfare_http_answer(e, &call, NULL, 0, &response));
}

static fanfare_http_response answer(const fanfare_http_endpoint *e, const fanfare_http_call *call,
                                    const char *frame) {
    fanfare_http_response response;
    memset(&response, 0x55, sizeof response);
    response.struct_size = sizeof response;
    OK(fanfare_http_answer(e, call, frame, frame == NULL ? 0 : strlen(frame), &response));
    return response;
}

static int is(fanfare_str text, const char *expected) {
    return text.len == strlen(expected) && memcmp(text.ptr, expected, text.len) == 0;
}

/* A session from its first POST to its DELETE. */
static void the_older_era(void) {
    struct table table;
    fanfare_session_params params = session_params(FANFARE_PROFILE_LEGACY);
    fanfare_http_header both = header("accept", "application/json, text/event-stream");
    fanfare_http_header headers[4];
    fanfare_http_request r;
    fanfare_http_call call;
    fanfare_http_response response;
    fanfare_stream post = 0;
    uint32_t disposition = 77;
    char frames[256];
    size_t len = 0;

    memset(&table, 0, sizeof table);
    table.engine = new_engine();
    headers[0] = both;
    r = request("POST", headers, 1, HELLO);
    CHECK(check(NULL, &r, &table, &call)[0] == '\0' && table.asked == 0);
    CHECK(call.kind == FANFARE_HTTP_INITIALIZE && call.era == FANFARE_HTTP_LEGACY);
    CHECK(call.revision == 0 && call.session_id.ptr == NULL && call.allow == NULL);

    params.revision = FANFARE_REVISION_2025_06_18;
    params.framing = FANFARE_FRAMING_SSE;
    OK(fanfare_session_open(table.engine, &params, &table.session));
    OK(fanfare_http_session_id_new(table.id, sizeof table.id, &table.id_len));
    CHECK(table.id_len == 32 && strlen(table.id) == 32);

    headers[1] = header("MCP-SESSION-ID", table.id);
    headers[2] = header("Mcp-Protocol-Version", "2025-06-18");
    r = request("POST", headers, 3, PING);
    check(NULL, &r, &table, &call);
    CHECK(table.asked == 1 && call.kind == FANFARE_HTTP_REQUEST && call.is_batch == 0);
    CHECK(call.revision == FANFARE_REVISION_2025_06_18 && is(call.session_id, table.id));
    CHECK(call.session_id.ptr == table.id);

    /* The answer waits for its first frame. */
    memset(&response, 0x55, sizeof response);
    response.struct_size = sizeof response;
    STATUS(FANFARE_EMPTY, fanfare_http_answer(NULL, &call, NULL, 0, &response));
    CHECK(response.status == 0x55555555);
    OK(fanfare_stream_open(table.engine, table.session, FANFARE_STREAM_REQUEST, &post));
    OK(fanfare_receive(table.engine, table.session, post, PING, strlen(PING), &disposition));
    OK(fanfare_read(table.engine, table.session, frames, sizeof frames - 1, &len));
    frames[len] = '\0';
    response = answer(NULL, &call, frames);
    CHECK(response.status == 200 && response.kind == FANFARE_HTTP_JSON);
    CHECK(is(response.body, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}"));
    CHECK(response.body.ptr > frames && response.body.ptr < frames + len);
    response = answer(NULL, &call, NOTE);
    CHECK(response.status == 200 && response.kind == FANFARE_HTTP_STREAM);
    CHECK(response.body.ptr == NULL && response.body.len == 0);

    r = request("POST", headers, 3, NOTE);
    check(NULL, &r, &table, &call);
    CHECK(call.kind == FANFARE_HTTP_ONE_WAY);
    response = answer(NULL, &call, NULL);
    CHECK(response.status == 202 && response.kind == FANFARE_HTTP_EMPTY);

    headers[3] = header("last-event-id", "1-2");
    r = request("GET", headers, 4, "");
    check(NULL, &r, &table, &call);
    CHECK(call.kind == FANFARE_HTTP_GET && is(call.last_event_id, "1-2"));
    CHECK(answer(NULL, &call, NULL).kind == FANFARE_HTTP_STREAM);

    /* What is wrong, and says so. */
    r = request("POST", headers, 1, PING);
    refused(NULL, &r, &table, 400, "\"id\":7,");
    r = request("POST", headers, 1, NOTE);
    refused(NULL, &r, &table, 400, "MCP-Session-Id is missing");
    headers[2] = header("Mcp-Protocol-Version", "2025-11-25");
    r = request("POST", headers, 3, PING);
    refused(NULL, &r, &table, 400, "the session has 2025-06-18");
    r = request("POST", headers + 1, 1, PING);
    refused(NULL, &r, &table, 406, "Accept");
    r = request("PUT", headers, 2, "");
    refused(NULL, &r, &table, 405, "GET, POST, DELETE");
    check(NULL, &r, &table, &call);
    CHECK(strcmp(call.allow, "GET, POST, DELETE") == 0);

    r = request("DELETE", headers, 2, "");
    check(NULL, &r, &table, &call);
    CHECK(call.kind == FANFARE_HTTP_DELETE && answer(NULL, &call, NULL).status == 204);
    OK(fanfare_session_close(table.engine, table.session));
    refused(NULL, &r, &table, 404, "initialize again");
    r = request("POST", headers, 2, PING);
    refused(NULL, &r, &table, 404, "\"id\":7,");
    OK(fanfare_engine_free(table.engine));
}

/* Each request stands alone, and its headers say what its body says. */
static void the_newer_era(void) {
    fanfare_http_header headers[4];
    fanfare_http_request r;
    fanfare_http_call call;
    fanfare_http_response response;
    fanfare_http_endpoint e = endpoint(0);
    struct table table;
    char body[512];
    static const char gone[] =
        "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,"
        "\"message\":\"m\"}}\n\n";
    static const char limit[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603,\"message\":\"m\"}}";
    memset(&table, 0, sizeof table);
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":\"c\",\"method\":\"tools/call\",\"params\":{%s,"
             "\"name\":\"caf\\u00e9\"}}",
             META);
    headers[0] = header("Accept", "*/*");
    headers[1] = header("MCP-Protocol-Version", "2026-07-28");
    headers[2] = header("Mcp-Method", "tools/call");
    headers[3] = header("Mcp-Name", "=?base64?Y2Fmw6k=?=");
    r = request("POST", headers, COUNT(headers), body);
    check(&e, &r, &table, &call);
    CHECK(call.kind == FANFARE_HTTP_REQUEST && call.era == FANFARE_HTTP_MODERN);
    CHECK(call.revision == FANFARE_REVISION_2026_07_28 && call.session_id.ptr == NULL);
    CHECK(table.asked == 0);
    OK(fanfare_http_check(&e, &r, NULL, NULL, &call, body + 400, 100, &table.id_len));

    response = answer(&e, &call, gone);
    CHECK(response.status == 404 && response.kind == FANFARE_HTTP_JSON);
    CHECK(response.body.ptr == gone + strlen("event: message\ndata: "));
    CHECK(answer(&e, &call, limit).status == 200);
    e.internal_error_status = 503;
    CHECK(answer(&e, &call, limit).status == 503);

    headers[3] = header("Mcp-Name", "=?base64?Y2Fmw6g=?=");
    refused(&e, &r, &table, 400, "\"id\":\"c\",\"error\":{\"code\":-32020");
    r.header_count = 3;
    refused(&e, &r, &table, 400, "Mcp-Name is missing");
    e.flags = FANFARE_HTTP_NO_MODERN;
    refused(&e, &r, &table, 400, "MCP-Session-Id is missing");
    e.flags = FANFARE_HTTP_NO_LEGACY;
    r = request("GET", headers, 3, "");
    refused(&e, &r, &table, 405, "POST");
    check(&e, &r, &table, &call);
    CHECK(strcmp(call.allow, "POST") == 0);
    r = request("POST", NULL, 0, NOTE);
    check(&e, &r, &table, &call);
    CHECK(call.kind == FANFARE_HTTP_ONE_WAY && call.era == FANFARE_HTTP_MODERN);
}

static void flags(void) {
    fanfare_http_header headers[2];
    fanfare_http_request r;
    fanfare_http_call call;
    struct table table;
    fanfare_http_endpoint e = endpoint(FANFARE_HTTP_NO_SESSIONS);
    static const char batch[] =
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"method\":\"n\"}]";
    static const char result[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
    memset(&table, 0, sizeof table);
    headers[0] = header("Accept", "application/json,text/event-stream");
    r = request("POST", headers, 1, batch);
    check(&e, &r, &table, &call);
    CHECK(table.asked == 0 && call.is_batch == 1);
    CHECK(call.revision == FANFARE_REVISION_2025_03_26);
    /* Each request in it has its own answer. */
    CHECK(answer(&e, &call, result).kind == FANFARE_HTTP_STREAM);
    call.is_batch = 0;
    CHECK(answer(&e, &call, result).kind == FANFARE_HTTP_JSON);
    r = request("GET", headers, 1, "");
    refused(&e, &r, &table, 405, "POST");
    e = endpoint(FANFARE_HTTP_NO_GET);
    refused(&e, &r, &table, 405, "POST, DELETE");
    e = endpoint(FANFARE_HTTP_NO_DELETE);
    r = request("DELETE", headers, 1, "");
    refused(&e, &r, &table, 405, "GET, POST");
}

static uint32_t origin_status(const fanfare_http_endpoint *e, const char *name, const char *value) {
    fanfare_http_header h = header(name, value);
    uint32_t status = 77;
    OK(fanfare_http_check_origin(e, &h, 1, &status));
    return status;
}

static void origins_and_hosts(void) {
    fanfare_str origins[2], hosts[1];
    fanfare_http_endpoint e = endpoint(0);
    fanfare_http_header foreign = header("Origin", "https://evil.example");
    fanfare_http_request r = request("POST", &foreign, 1, PING);
    struct table table;
    uint32_t status = 77;
    memset(&table, 0, sizeof table);
    refused(NULL, &r, &table, 403, "Origin");
    CHECK(origin_status(NULL, "origin", "http://localhost:6274") == 0);
    CHECK(origin_status(NULL, "origin", "null") == 403);
    CHECK(origin_status(NULL, "host", "evil.example") == 0);
    OK(fanfare_http_check_origin(NULL, NULL, 0, &status));
    CHECK(status == 0);

    origins[0] = str("https://app.example");
    origins[1] = str("null");
    e.origins = origins;
    e.origin_count = 2;
    CHECK(origin_status(&e, "Origin", "HTTPS://App.Example:443") == 0);
    CHECK(origin_status(&e, "Origin", "null") == 0);
    CHECK(origin_status(&e, "Origin", "http://localhost") == 0);
    CHECK(origin_status(&e, "Origin", "http://app.example") == 403);
    e.flags = FANFARE_HTTP_NO_LOOPBACK_ORIGINS;
    CHECK(origin_status(&e, "Origin", "http://localhost") == 403);

    hosts[0] = str("mcp.example:8443");
    e.hosts = hosts;
    e.host_count = 1;
    CHECK(origin_status(&e, "host", "mcp.example:8443") == 0);
    CHECK(origin_status(&e, "host", "mcp.example") == 403);
    CHECK(origin_status(&e, "host", "localhost") == 403);
    e.flags |= FANFARE_HTTP_LOOPBACK_HOSTS;
    CHECK(origin_status(&e, "host", "[::1]:80") == 0);
    CHECK(origin_status(&e, "x", "y") == 403); /* None at all. */
}

static void statuses_headers_and_ids(void) {
    fanfare_http_endpoint e = endpoint(0);
    uint32_t status = 77, valid = 77;
    const char *name = NULL, *value = NULL;
    char id[33], other[33], small[8];
    size_t len = 0, i;
    OK(fanfare_http_status(NULL, FANFARE_HTTP_MODERN, -32601, &status));
    CHECK(status == 404);
    OK(fanfare_http_status(NULL, FANFARE_HTTP_LEGACY, -32601, &status));
    CHECK(status == 200);
    OK(fanfare_http_status(&e, FANFARE_HTTP_MODERN, -32602, &status));
    CHECK(status == 400);
    e.invalid_params_status = 422;
    OK(fanfare_http_status(&e, FANFARE_HTTP_MODERN, -32602, &status));
    CHECK(status == 422);
    FAILS(FANFARE_E_INVALID_ARGUMENT, "era", fanfare_http_status(NULL, 2, -32602, &status));

    OK(fanfare_http_response_header(FANFARE_HTTP_STREAM, 0, &name, &value));
    CHECK(strcmp(name, "Content-Type") == 0 && strcmp(value, "text/event-stream") == 0);
    for (i = 1; fanfare_http_response_header(FANFARE_HTTP_STREAM, i, &name, &value) == FANFARE_OK;)
        i++;
    CHECK(i == 3 && strcmp(name, "X-Accel-Buffering") == 0 && strcmp(value, "no") == 0);
    OK(fanfare_http_response_header(FANFARE_HTTP_JSON, 0, &name, &value));
    CHECK(strcmp(value, "application/json") == 0);
    STATUS(FANFARE_EMPTY, fanfare_http_response_header(FANFARE_HTTP_EMPTY, 0, &name, &value));
    STATUS(FANFARE_EMPTY, fanfare_http_response_header(FANFARE_HTTP_STREAM, SIZE_MAX, &name, &value));
    CHECK(strcmp(value, "application/json") == 0); /* Untouched. */
    FAILS(FANFARE_E_INVALID_ARGUMENT, "kind", fanfare_http_response_header(3, 0, &name, &value));

    OK(fanfare_http_session_id_new(id, sizeof id, &len));
    OK(fanfare_http_session_id_new(other, sizeof other, &len));
    CHECK(len == 32 && strcmp(id, other) != 0);
    STATUS(FANFARE_TRUNCATED, fanfare_http_session_id_new(small, sizeof small, &len));
    CHECK(len == 32);
    OK(fanfare_http_session_id_valid(id, 32, &valid));
    CHECK(valid == 1);
    OK(fanfare_http_session_id_valid("a b", 3, &valid));
    CHECK(valid == 0);
    OK(fanfare_http_session_id_valid(NULL, 0, &valid));
    CHECK(valid == 0);
}

static int32_t confused(void *ctx, const char *id, size_t len, uint32_t *out_revision) {
    (void)ctx;
    (void)id;
    (void)len;
    *out_revision = 20240101;
    return 1;
}

static void held_wrong(void) {
    fanfare_http_header headers[2];
    fanfare_http_request r;
    fanfare_http_endpoint e = endpoint(0);
    fanfare_http_call call = new_call();
    fanfare_http_response response;
    fanfare_str wrong = str("not an origin");
    char text[64];
    size_t len = 77;
    uint32_t status = 77;
    headers[0] = header("mcp-session-id", "s");
    headers[1] = header("accept", "*/*");
    r = request("POST", headers, 2, PING);
    {
        fanfare_http_endpoint odd = endpoint(0);
        odd.reserved = 1;
        FAILS(FANFARE_E_INVALID_ARGUMENT, "reserved is 1",
              fanfare_http_check(&odd, &r, NULL, NULL, &call, text, 64, &len));
    }
    FAILS(FANFARE_E_NULL, "request", fanfare_http_check(NULL, NULL, NULL, NULL, &call, text, 64, &len));
    FAILS(FANFARE_E_NULL, "call", fanfare_http_check(NULL, &r, NULL, NULL, NULL, text, 64, &len));
    FAILS(FANFARE_E_NULL, "buf", fanfare_http_check(NULL, &r, NULL, NULL, &call, NULL, 64, &len));
    FAILS(FANFARE_E_NULL, "out_len", fanfare_http_check(NULL, &r, NULL, NULL, &call, text, 64, NULL));
    FAILS(FANFARE_E_INVALID_ARGUMENT, "lookup",
          fanfare_http_check(NULL, &r, confused, NULL, &call, text, 64, &len));
    CHECK(call.status == 0x55555555 && len == 77);
    /* Nobody to ask: there are no sessions. Where the text does not fit, the rest is still said. */
    STATUS(FANFARE_TRUNCATED, fanfare_http_check(NULL, &r, NULL, NULL, &call, text, 8, &len));
    CHECK(call.status == 404 && len > 8 && strlen(text) == 7);
    r.headers = NULL;
    FAILS(FANFARE_E_NULL, "headers", fanfare_http_check(NULL, &r, NULL, NULL, &call, text, 64, &len));
    r.header_count = SIZE_MAX;
    FAILS(FANFARE_E_LIMIT, "headers", fanfare_http_check(NULL, &r, NULL, NULL, &call, text, 64, &len));
    r.struct_size = 0;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "struct_size",
          fanfare_http_check(NULL, &r, NULL, NULL, &call, text, 64, &len));

    memset(&response, 0, sizeof response);
    FAILS(FANFARE_E_NULL, "call", fanfare_http_answer(NULL, NULL, NULL, 0, &response));
    call = new_call();
    call.status = 0;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "call.kind", fanfare_http_answer(NULL, &call, NULL, 0, &response));
    call.kind = call.era = call.revision = 0;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "struct_size",
          fanfare_http_answer(NULL, &call, PING, strlen(PING), &response));
    FAILS(FANFARE_E_NULL, "response", fanfare_http_answer(NULL, &call, PING, strlen(PING), NULL));

    FAILS(FANFARE_E_NULL, "out_status", fanfare_http_check_origin(NULL, NULL, 0, NULL));
    FAILS(FANFARE_E_NULL, "headers", fanfare_http_check_origin(NULL, NULL, 1, &status));
    FAILS(FANFARE_E_NULL, "out_status", fanfare_http_status(NULL, 0, 0, NULL));
    FAILS(FANFARE_E_NULL, "out_name", fanfare_http_response_header(0, 0, NULL, NULL));
    FAILS(FANFARE_E_NULL, "out_len", fanfare_http_session_id_new(text, 64, NULL));
    FAILS(FANFARE_E_NULL, "out_valid", fanfare_http_session_id_valid("a", 1, NULL));

    e.flags = 128;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "flags", fanfare_http_status(&e, 0, 0, &status));
    e.flags = FANFARE_HTTP_NO_LEGACY | FANFARE_HTTP_NO_MODERN;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "no era", fanfare_http_status(&e, 0, 0, &status));
    e = endpoint(0);
    e.internal_error_status = 65536 + 200;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "65736", fanfare_http_status(&e, 0, 0, &status));
    e = endpoint(0);
    e.origin_count = 1;
    FAILS(FANFARE_E_NULL, "endpoint.origins", fanfare_http_status(&e, 0, 0, &status));
    e.origins = &wrong;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "origin", fanfare_http_status(&e, 0, 0, &status));
    e = endpoint(0);
    e.hosts = &wrong;
    e.host_count = 1;
    FAILS(FANFARE_E_INVALID_ARGUMENT, "host", fanfare_http_status(&e, 0, 0, &status));
    CHECK(status == 77);
}

int main(void) {
    the_older_era();
    the_newer_era();
    flags();
    origins_and_hosts();
    statuses_headers_and_ids();
    held_wrong();
    return 0;
}
