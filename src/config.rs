//! Configuration by key and value. [`KEYS`] is the one table: setting, reading back, the limits,
//! the documentation and the C ABI's schema all come from it.

use std::fmt::Write as _;

use crate::error::{Error, Result};
use crate::params::Overflow;
use crate::protocol::Level;
use crate::protocol::kind::NoticeKind;

/// The configuration of an engine. Every key has a default, so an untouched one is complete.
///
/// ```
/// let mut config = fanfare::Config::default();
/// config.set("session.max_queued_frames", "64")?;
/// assert_eq!(config.value("session.max_queued_frames")?, "64");
/// assert!(config.set("session.max_queued_frames", "0").is_err());
/// # Ok::<(), fanfare::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) max_queued_frames: u32,
    pub(crate) max_queued_bytes: u32,
    pub(crate) max_reply_bytes: u32,
    pub(crate) engine_max_queued_bytes: u64,
    pub(crate) overflow: Overflow,
    pub(crate) max_sessions: u32,
    pub(crate) max_streams: u32,
    pub(crate) engine_max_subscriptions: u64,
    pub(crate) session_max_subscriptions: u32,
    pub(crate) principal_max_subscriptions: u32,
    pub(crate) max_filter_bytes: u32,
    pub(crate) filter_max_uris: u32,
    pub(crate) filter_max_bytes: u32,
    pub(crate) uri_max_bytes: u32,
    pub(crate) max_requests: u32,
    pub(crate) max_message_bytes: u32,
    pub(crate) max_depth: u32,
    pub(crate) max_params_bytes: u32,
    pub(crate) soft_params_bytes: u32,
    pub(crate) progress_min_interval_ms: u32,
    pub(crate) debounce_tool_list_ms: u32,
    pub(crate) debounce_prompt_list_ms: u32,
    pub(crate) debounce_resource_list_ms: u32,
    pub(crate) debounce_resource_ms: u32,
    pub(crate) default_level: Level,
    pub(crate) answer_initialize: bool,
    pub(crate) server_info: String,
    pub(crate) capabilities: String,
    pub(crate) instructions: String,
    pub(crate) hold_empty_listen: bool,
    pub(crate) send_cancelled: bool,
    pub(crate) match_segments: bool,
    pub(crate) monotonic_clock: bool,
    pub(crate) replay_max_frames: u32,
    pub(crate) replay_max_bytes: u32,
    pub(crate) replay_max_age_ms: u32,
    pub(crate) replay_max_streams: u32,
    pub(crate) max_tasks: u32,
    pub(crate) max_elicitations: u32,
    pub(crate) keep_alive_ms: u32,
    pub(crate) unrelated_rides: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_queued_frames: 1024,
            max_queued_bytes: 1 << 20,
            max_reply_bytes: 64 << 20,
            engine_max_queued_bytes: 256 << 20,
            overflow: Overflow::Close,
            max_sessions: 1_000_000,
            max_streams: 4096,
            engine_max_subscriptions: 10_000_000,
            session_max_subscriptions: 1024,
            principal_max_subscriptions: 65_536,
            max_filter_bytes: 4 << 20,
            filter_max_uris: 1024,
            filter_max_bytes: 256 << 10,
            uri_max_bytes: 8 << 10,
            max_requests: 1024,
            max_message_bytes: 4 << 20,
            max_depth: 128,
            max_params_bytes: 64 << 10,
            soft_params_bytes: 4 << 10,
            progress_min_interval_ms: 0,
            debounce_tool_list_ms: 0,
            debounce_prompt_list_ms: 0,
            debounce_resource_list_ms: 0,
            debounce_resource_ms: 0,
            default_level: Level::Debug,
            answer_initialize: false,
            server_info: concat!(
                r#"{"name":"fanfare","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#""}"#
            )
            .to_owned(),
            capabilities: "{}".to_owned(),
            instructions: String::new(),
            hold_empty_listen: false,
            send_cancelled: false,
            match_segments: false,
            monotonic_clock: true,
            replay_max_frames: 256,
            replay_max_bytes: 1 << 20,
            replay_max_age_ms: 300_000,
            replay_max_streams: 16,
            max_tasks: 10_000,
            max_elicitations: 256,
            keep_alive_ms: 15_000,
            unrelated_rides: false,
        }
    }
}

impl Config {
    /// Sets one key. An error names the key, what it takes, and what it was given.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let key = Key::find(key)?;
        (key.set)(self, value).map_err(|why| {
            Error::invalid(format!("{}: {why}; it takes {}, not {value:?}", key.name, key.takes))
        })
    }

    /// The value of one key, as [`set`](Self::set) would take it.
    pub fn value(&self, key: &str) -> Result<String> {
        Ok((Key::find(key)?.show)(self))
    }

    /// The least time between two notices of one topic.
    pub(crate) fn debounce_ms(&self, kind: NoticeKind) -> u32 {
        match kind {
            NoticeKind::ToolList => self.debounce_tool_list_ms,
            NoticeKind::PromptList => self.debounce_prompt_list_ms,
            NoticeKind::ResourceList => self.debounce_resource_list_ms,
            NoticeKind::Resource => self.debounce_resource_ms,
            // A task is told of with its state, which no other task's stands for.
            NoticeKind::Task => 0,
        }
    }

    /// Whether the engine has anything to do by the time.
    pub(crate) fn needs_time(&self) -> bool {
        let debounced = NoticeKind::LISTS.into_iter().chain([NoticeKind::Resource]);
        self.progress_min_interval_ms != 0
            || debounced.into_iter().any(|kind| self.debounce_ms(kind) != 0)
    }

    /// Every key with its type, range, default and meaning, as JSON text.
    pub fn schema_json() -> String {
        let default = Self::default();
        let rows: Vec<_> = KEYS
            .iter()
            .map(|key| {
                serde_json::json!({
                    "key": key.name,
                    "takes": key.takes,
                    "default": (key.show)(&default),
                    "doc": key.doc,
                })
            })
            .collect();
        serde_json::Value::Array(rows).to_string()
    }

    /// Every key as a Markdown table; docs/CONFIGURATION.md is this text.
    pub fn schema_markdown() -> String {
        let default = Self::default();
        let mut out = String::from("| key | takes | default | meaning |\n|---|---|---|---|\n");
        for key in KEYS {
            let shown = match (key.show)(&default) {
                value if value.is_empty() => "(empty)".to_owned(),
                value => format!("`{value}`"),
            };
            writeln!(out, "| `{}` | {} | {shown} | {} |", key.name, key.takes, key.doc)
                .expect("writing to a String cannot fail");
        }
        out
    }
}

/// One row of the table.
struct Key {
    name: &'static str,
    takes: &'static str,
    doc: &'static str,
    set: fn(&mut Config, &str) -> std::result::Result<(), String>,
    show: fn(&Config) -> String,
}

impl Key {
    fn find(name: &str) -> Result<&'static Self> {
        KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
            let near =
                KEYS.iter().find(|key| key.name.rsplit('.').next() == name.rsplit('.').next());
            let hint = near.map(|key| format!("; did you mean {}?", key.name)).unwrap_or_default();
            Error::invalid(format!("no such configuration key: {name:?}{hint}"))
        })
    }
}

macro_rules! number {
    ($name:literal, $field:ident: $type:ty, $min:literal ..= $max:literal, $doc:literal) => {
        Key {
            name: $name,
            takes: concat!("a whole number from ", $min, " to ", $max),
            doc: $doc,
            set: |config, value| {
                let number: u64 = value.parse().map_err(|_| "not a whole number".to_owned())?;
                if !($min..=$max).contains(&number) {
                    return Err("out of range".to_owned());
                }
                config.$field = <$type>::try_from(number).map_err(|e| e.to_string())?;
                Ok(())
            },
            show: |config| config.$field.to_string(),
        }
    };
}

macro_rules! word {
    ($name:literal, $field:ident, $takes:literal, $doc:literal, $($word:literal => $value:expr),+) => {
        Key {
            name: $name,
            takes: $takes,
            doc: $doc,
            set: |config, value| {
                config.$field = match value {
                    $($word => $value,)+
                    _ => return Err("not one of its words".to_owned()),
                };
                Ok(())
            },
            show: |config| {
                let word = match &config.$field {
                    $(value if *value == $value => $word,)+
                    _ => unreachable!("the words cover every value"),
                };
                word.to_owned()
            },
        }
    };
}

macro_rules! json_object {
    ($name:literal, $field:ident, $doc:literal) => {
        Key {
            name: $name,
            takes: "a JSON object",
            doc: $doc,
            set: |config, value| {
                let object: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(value).map_err(|e| e.to_string())?;
                config.$field = serde_json::Value::Object(object).to_string();
                Ok(())
            },
            show: |config| config.$field.clone(),
        }
    };
}

/// Every configuration key there is.
static KEYS: &[Key] = &[
    number!("session.max_queued_frames", max_queued_frames: u32, 1..=1_000_000,
        "How many events a session may have queued. Notices do not count where they have a slot of their own."),
    number!("session.max_queued_bytes", max_queued_bytes: u32, 1024..=1_073_741_824,
        "How many bytes of JSON the queued events of a session may hold."),
    number!("session.max_reply_bytes", max_reply_bytes: u32, 1024..=2_147_483_648,
        "How many bytes of responses, errors and acknowledgments a session may leave unread before it ends as lagged."),
    number!("engine.max_queued_bytes", engine_max_queued_bytes: u64, 65_536..=1_099_511_627_776,
        "How many bytes all queued events and replies of the engine may hold, bodies shared between sessions counted once."),
    word!("overflow", overflow, "`close`, `drop_oldest` or `drop_newest`",
        "What happens to an event that finds its session's queue full: end the session as lagged, drop the oldest event, or drop this one.",
        "close" => Overflow::Close, "drop_oldest" => Overflow::DropOldest, "drop_newest" => Overflow::DropNewest),
    number!("engine.max_sessions", max_sessions: u32, 1..=100_000_000,
        "How many sessions there may be at once, those that are ending and not yet drained included."),
    number!("session.max_streams", max_streams: u32, 1..=1_000_000,
        "How many streams a session may have at once, with the one that it has from the start."),
    number!("engine.max_subscriptions", engine_max_subscriptions: u64, 1..=1_000_000_000,
        "How many subscriptions all sessions may hold: listens, and URIs subscribed one by one."),
    number!("session.max_subscriptions", session_max_subscriptions: u32, 1..=100_000_000,
        "How many subscriptions a session may hold: listens, and URIs subscribed one by one. One more is refused, before any acknowledgment (G12)."),
    number!("session.max_filter_bytes", max_filter_bytes: u32, 1024..=1_073_741_824,
        "How many bytes the subscriptions of a session may hold in all: the ids of its listens, their URIs and those subscribed one by one, and some 60 for each of those. One more is refused, before any acknowledgment (G12)."),
    number!("principal.max_subscriptions", principal_max_subscriptions: u32, 0..=100_000_000,
        "How many subscriptions the sessions of one principal may hold together; 0: as many as the other two limits allow."),
    number!("session.max_requests", max_requests: u32, 1..=1_000_000,
        "How many requests of a session the host may have to answer at once; one more is answered with an error."),
    number!("message.max_bytes", max_message_bytes: u32, 1024..=1_073_741_824,
        "The largest message that is taken in, in bytes."),
    number!("message.max_depth", max_depth: u32, 16..=10_000,
        "How many objects and arrays of a message may stand in one another: who reads it after the engine may have a small stack."),
    number!("filter.max_uris", filter_max_uris: u32, 1..=1_000_000,
        "How many URIs and task ids the filter of one listen may list, each counted once."),
    number!("filter.max_bytes", filter_max_bytes: u32, 256..=1_073_741_824,
        "The largest filter of a listen, in bytes of JSON."),
    number!("uri.max_bytes", uri_max_bytes: u32, 64..=1_048_576,
        "The longest URI, task id or elicitation id that is subscribed to, raised or remembered, in bytes."),
    number!("params.max_bytes", max_params_bytes: u32, 256..=1_073_741_824,
        "The largest params of a raised notification, in bytes of JSON; a larger one is refused."),
    number!("params.soft_bytes", soft_params_bytes: u32, 0..=1_073_741_824,
        "Params above this many bytes are counted, and told to the log hook once per method: notifications should be light."),
    number!("progress.min_interval_ms", progress_min_interval_ms: u32, 0..=3_600_000,
        "The least time between two progress notifications of one token. The last value is never lost."),
    number!("debounce.tool_list_ms", debounce_tool_list_ms: u32, 0..=3_600_000,
        "The least time between two notices that the list of tools has changed. The first goes out at once, what comes meanwhile waits for the end of the interval and goes out as one."),
    number!("debounce.prompt_list_ms", debounce_prompt_list_ms: u32, 0..=3_600_000,
        "The same for the list of prompts."),
    number!("debounce.resource_list_ms", debounce_resource_list_ms: u32, 0..=3_600_000,
        "The same for the list of resources."),
    number!("debounce.resource_ms", debounce_resource_ms: u32, 0..=3_600_000,
        "The same for each resource."),
    word!("logging.default_level", default_level, "a logging level",
        "The level of a legacy session before its first `logging/setLevel` (G17).",
        "debug" => Level::Debug, "info" => Level::Info, "notice" => Level::Notice, "warning" => Level::Warning,
        "error" => Level::Error, "critical" => Level::Critical, "alert" => Level::Alert, "emergency" => Level::Emergency),
    word!("initialize.answer", answer_initialize, "`host` or `engine`",
        "Who answers `initialize` and `server/discover`. The engine answers with the three `server.` keys.",
        "host" => false, "engine" => true),
    json_object!("server.info", server_info, "The `serverInfo` of those answers."),
    json_object!(
        "server.capabilities",
        capabilities,
        "The `capabilities` of those answers, and with them what the session may be sent."
    ),
    Key {
        name: "server.instructions",
        takes: "text",
        doc: "The `instructions` of those answers; left out when empty.",
        set: |config, value| {
            config.instructions = value.to_owned();
            Ok(())
        },
        show: |config| config.instructions.clone(),
    },
    number!("replay.max_frames", replay_max_frames: u32, 0..=1_000_000,
        "How many sent frames of a stream are kept, so that a client of 2025-03-26 to 2025-11-25 that lost its connection can resume by `Last-Event-ID` (R31 to R35). Only streams that were opened by name with the framing `sse` are; 0: none, and their events have no ids."),
    number!("replay.max_bytes", replay_max_bytes: u32, 1024..=1_073_741_824,
        "How many bytes of JSON those of one stream may hold."),
    number!("replay.max_age_ms", replay_max_age_ms: u32, 1..=86_400_000,
        "How long a sent frame is kept, and a stream without a connection of which no response is owed any more."),
    number!("replay.max_streams", replay_max_streams: u32, 0..=65_536,
        "How many request streams without a connection a session may have; one more, and the one that lost it first is given up, those that have ended before the others."),
    number!("tasks.max_known", max_tasks: u32, 1..=10_000_000,
        "Of how many tasks the engine remembers the status, so that no task takes a step that it may not, or is told of once it is over (R66). One more, and the one that has been over for longest is forgotten, or if none is over the oldest; those come last whose progress token lives, which ends with that."),
    number!("session.max_elicitations", max_elicitations: u32, 1..=65_536,
        "How many ids of elicitations by URL a session of 2025-11-25 is remembered to have been given, so that it can be told that they are complete (R68), each of `uri.max_bytes` at most. One more, and the oldest is forgotten."),
    number!("sse.keep_alive_ms", keep_alive_ms: u32, 0..=86_400_000,
        "How long a stream with the framing `sse` stays silent at most while it is connected and something is open on it: then it is sent a comment, which clients pass over and proxies see (R59). It comes after half that time at the earliest; 0: never."),
    word!("listen.empty", hold_empty_listen, "`end` or `hold`",
        "What becomes of a listen of which nothing can be honoured: acknowledged and ended at once, or held open (G11).",
        "end" => false, "hold" => true),
    word!("listen.send_cancelled", send_cancelled, "`no` or `yes`",
        "Whether a listen that the server ends on a stream that is not SSE is sent a `notifications/cancelled` with its id just before its result, or the error in place of that (G1).",
        "no" => false, "yes" => true),
    word!("streams.unrelated", unrelated_rides, "`hold` or `request`",
        "Where what belongs to no request goes while a legacy session with several streams has no standalone one: it waits for that, or goes out on the stream of a request that has not been answered (G20).",
        "hold" => false, "request" => true),
    word!("resources.match", match_segments, "`exact` or `segments`",
        "Whether a subscription to a URI hears of that URI only, or of the resources in it by path segments too (G2).",
        "exact" => false, "segments" => true),
    word!("clock", monotonic_clock, "`monotonic` or `manual`",
        "Where the time comes from: the machine's monotonic clock, or only what the host passes to `advance`.",
        "monotonic" => true, "manual" => false),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The page is this table under a heading; FANFARE_BLESS=1 writes it anew.
    #[test]
    fn the_page_of_the_keys_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIGURATION.md");
        let page = format!(
            "# Configuration\n\nEvery key, as `fanfare_config_set`, `Config::set` and the CLI's `--set key=value` take it.\n\n{}",
            Config::schema_markdown()
        );
        if std::env::var_os("FANFARE_BLESS").is_some() {
            std::fs::write(path, &page).expect("docs can be written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(committed, page, "docs/CONFIGURATION.md is stale: FANFARE_BLESS=1 cargo test");
    }

    #[test]
    fn every_key_takes_its_own_default_back() {
        let mut config = Config::default();
        for key in KEYS {
            let value = config.value(key.name).unwrap();
            config.set(key.name, &value).unwrap_or_else(|e| panic!("{}: {e}", key.name));
        }
        assert_eq!(config, Config::default());
    }

    #[test]
    fn a_refusal_names_key_range_and_value_and_changes_nothing() {
        let mut config = Config::default();
        let text = config.set("session.max_queued_frames", "0").unwrap_err().to_string();
        for part in ["session.max_queued_frames", "from 1 to 1000000", "\"0\""] {
            assert!(text.contains(part), "{text:?} lacks {part:?}");
        }
        let text = config.set("max_bytes", "1").unwrap_err().to_string();
        assert!(text.contains("did you mean message.max_bytes?"), "{text}");
        assert_eq!(config, Config::default());
    }
}
