//! The handshake of legacy sessions, and discovery: answered by the host and observed, or answered
//! by the engine from its configuration.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::Core;
use crate::engine::outbox::HELD;
use crate::engine::receive::Via;
use crate::engine::request::NewRequest;
use crate::engine::session::{Phase, Rules};
use crate::params::Disposition;
use crate::protocol::id::Id;
use crate::protocol::message::{Fault, requested_version};
use crate::protocol::{Capabilities, Revision, code, encode};

impl Core {
    pub(crate) fn receive_initialize(
        &mut self,
        via: Via,
        id: Id,
        params: Option<&str>,
    ) -> Disposition {
        if !self.config.answer_initialize {
            if let Err(excess) = self.check_request_limit(via.session) {
                return self.refuse(via, excess.fault(&id));
            }
            let new = NewRequest { id, token: None, level: None, is_initialize: true };
            self.begin_request(via.session, via.stream, new);
            return Disposition::Pass;
        }
        if let Rules::Legacy { revision, phase } = self.sessions[via.session].rules
            && phase > Phase::Greeting
        {
            // What the first one promised holds.
            let text = format!("the session has been initialized as {revision} already");
            return self.refuse(via, Fault::of(&id, code::INVALID_REQUEST, text));
        }
        let revision = requested_version(params)
            .and_then(|text| Revision::parse(&text))
            .filter(|revision| revision.is_legacy())
            .unwrap_or(Revision::LATEST_LEGACY);
        let config = &self.config;
        let result = format!(
            r#"{{"protocolVersion":"{revision}","capabilities":{},"serverInfo":{}{}}}"#,
            config.capabilities,
            config.server_info,
            instructions_member(&config.instructions)
        );
        self.answer(via, encode::result(&id, &result));
        self.adopt_handshake(via.session, &result);
        Disposition::Handled
    }

    /// The result of `initialize` is on its way: it says what the session may be sent.
    pub(crate) fn adopt_handshake(&mut self, ix: u32, result: &str) {
        let Rules::Legacy { revision, phase: Phase::Greeting } = self.sessions[ix].rules else {
            return;
        };
        #[derive(Deserialize)]
        struct Result<'a> {
            #[serde(rename = "protocolVersion")]
            version: Option<String>,
            #[serde(borrow)]
            capabilities: Option<&'a RawValue>,
        }
        let Ok(read) = serde_json::from_str::<Result<'_>>(result) else { return };
        let revision = read
            .version
            .and_then(|text| Revision::parse(&text))
            .filter(|revision| revision.is_legacy())
            .unwrap_or(revision);
        let capabilities =
            read.capabilities.and_then(|raw| Capabilities::from_json(raw.get()).ok());
        let session = &mut self.sessions[ix];
        if let Some(capabilities) = capabilities {
            session.set_capabilities(capabilities);
        }
        session.rules = Rules::Legacy { revision, phase: Phase::Answered };
        self.follow_rules(ix);
        debug_assert!(self.out.streams[self.sessions[ix].home].is(HELD));
    }

    /// The result of `server/discover`, where the engine answers it.
    pub(crate) fn discovery(&self) -> String {
        let config = &self.config;
        format!(
            r#"{{"resultType":"complete","supportedVersions":["{}"],"capabilities":{}{},"ttlMs":0,"cacheScope":"public","_meta":{{"io.modelcontextprotocol/serverInfo":{}}}}}"#,
            Revision::MODERN,
            config.capabilities,
            instructions_member(&config.instructions),
            config.server_info
        )
    }
}

fn instructions_member(instructions: &str) -> String {
    if instructions.is_empty() {
        return String::new();
    }
    format!(r#","instructions":{}"#, encode::string(instructions))
}
