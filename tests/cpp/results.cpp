// fanfare.hpp without exceptions: every failure is a value.
#define FANFARE_NO_EXCEPTIONS

#include <string>

#include "check.hpp"
#include "fanfare.hpp"

int main() {
    auto made = fanfare::engine::make();
    CHECK(made);
    fanfare::engine engine = *std::move(made);

    auto session = engine.open({fanfare::profile::legacy});
    CHECK(session.has_value() && session->id() != 0);
    CHECK(session->subscribe("doc://7"));
    auto refused = session->subscribe("");
    CHECK(!refused && refused.error().code == FANFARE_E_INVALID_ARGUMENT);
    CHECK(std::string(refused.error().name()) == "FANFARE_E_INVALID_ARGUMENT");
    CHECK(!refused.error().detail.empty());

    auto matched = engine.notify_resource_updated("doc://7");
    CHECK(matched && *matched == 1);
    char small[4];
    auto read = session->read(small, sizeof small);
    CHECK(!read && read.error().code == FANFARE_TRUNCATED);
    fanfare::batch batch;
    auto frames = engine.recv(10, batch);
    CHECK(frames && frames->size() == 1 && (*frames)[0].session == session->id());

    CHECK(session->close());
    auto gone = session->pause();
    CHECK(!gone && gone.error().code == FANFARE_E_GONE);
    auto call = fanfare::http::endpoint().check(fanfare::http::request("PUT"));
    CHECK(call && call->is_refused() && call->status() == 405);
    auto early = fanfare::http::endpoint().answer(*call);
    CHECK(!early && early.error().code == FANFARE_E_STATE);
    CHECK(fanfare::http::new_session_id()->size() == 32);

    auto nobody = fanfare::engine().stats();
    CHECK(!nobody && nobody.error().code == FANFARE_E_NULL);
}
