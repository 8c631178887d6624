//! Random commands with fixed seeds: every line is answered by one JSON object, an error changes
//! nothing, and the same script gives the same bytes (promises 7 and 8).

mod drive_program;

use drive_program::Drive;
use serde_json::{Value, json};

/// A small generator (xorshift64*): the scripts must be the same everywhere and for good.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).expect("31 bits") % sides
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len())]
    }

    fn session(&mut self) -> &'static str {
        self.pick(&["a", "b", "c", "d", "e"])
    }

    fn stream(&mut self) -> Value {
        match self.roll(3) {
            0 => json!(self.pick(&["s", "t"])),
            _ => Value::Null,
        }
    }

    fn uri(&mut self) -> String {
        format!("doc://{}", self.roll(3))
    }

    fn id(&mut self) -> Value {
        match self.roll(3) {
            0 => json!(self.roll(3)),
            1 => json!(self.roll(3).to_string()),
            _ => json!("x"),
        }
    }

    fn method(&mut self) -> &'static str {
        self.pick(&[
            "notifications/resources/updated",
            "notifications/tools/list_changed",
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
            "notifications/progress",
            "notifications/message",
            "notifications/custom",
            "nonsense",
        ])
    }

    fn params(&mut self) -> Value {
        match self.roll(6) {
            0 => json!({}),
            1 | 2 => json!({"uri": self.uri()}),
            3 => json!({"progressToken": self.id(), "progress": self.roll(100)}),
            4 => json!({"level": self.pick(&["debug", "error", "loud"]), "data": "d"}),
            _ => json!({"uri": 7, "_meta": {"k": 1}}),
        }
    }

    fn message(&mut self) -> Value {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/logLevel": "info",
            "progressToken": self.id(),
        });
        let (id, uri) = (self.id(), self.uri());
        let (method, params) = match self.roll(10) {
            0 => ("initialize", json!({"protocolVersion": "2025-06-18", "capabilities": {}})),
            1 => ("ping", json!({})),
            2 => ("resources/subscribe", json!({"uri": uri})),
            3 => ("resources/unsubscribe", json!({"uri": uri})),
            4 => ("logging/setLevel", json!({"level": self.pick(&["info", "error", "loud"])})),
            5 | 6 => (
                "subscriptions/listen",
                json!({"_meta": meta, "notifications": {"toolsListChanged": true, "resourceSubscriptions": [uri]}}),
            ),
            7 => ("notifications/subscribe", json!({"types": ["progress", "resources/updated"]})),
            8 => {
                let gone = json!({"requestId": self.id()});
                return json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": gone});
            }
            _ => ("tools/call", json!({"name": "t", "_meta": meta})),
        };
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    fn to(&mut self) -> Value {
        match self.roll(4) {
            0 => json!({"session": self.session()}),
            1 => json!({"except": self.session()}),
            2 => json!({"principal": self.pick(&["p", "q"])}),
            _ => json!({"session": self.session(), "request": self.id()}),
        }
    }

    fn command(&mut self) -> Value {
        let (session, stream) = (self.session(), self.stream());
        match self.roll(28) {
            0..=2 => json!({
                "op": "open", "session": session, "principal": self.pick(&["p", "q"]),
                "profile": self.pick(&["open", "legacy", "legacy", "modern", "auto"]),
                "framing": self.pick(&["json", "ndjson", "sse", "sse"]),
                "overflow": self.pick(&["close", "drop_oldest", "drop_newest"]),
                "max_queued_frames": self.roll(5),
            }),
            3 | 24..=26 => json!({
                "op": "stream", "session": session, "stream": self.pick(&["s", "t"]),
                "kind": self.pick(&["duplex", "listen", "request", "standalone"]),
            }),
            4..=8 => {
                json!({"op": "receive", "session": session, "stream": stream, "message": self.message()})
            }
            9 => {
                json!({"op": "receive", "session": session, "text": self.pick(&["", "{", "[]", "\u{0}"])})
            }
            10 => {
                let message = json!({"jsonrpc": "2.0", "id": self.id(), "result": {}});
                json!({"op": "send", "session": session, "stream": stream, "message": message})
            }
            11 | 12 => json!({"op": "notify", "method": self.method(), "params": self.params()}),
            13 | 14 => {
                json!({"op": "notify", "method": self.method(), "params": self.params(), "to": self.to()})
            }
            15 => {
                json!({"op": "notify", "method": self.method(), "params": self.params(), "context": {"k": 1}})
            }
            16 => {
                json!({"op": self.pick(&["subscribe", "unsubscribe"]), "session": session, "uri": self.uri()})
            }
            17 => json!({
                "op": "listen", "session": session, "stream": stream, "id": self.id(),
                "filter": {"toolsListChanged": true},
            }),
            18 => json!({"op": self.pick(&["pause", "resume"]), "session": session}),
            19 => json!({
                "op": "end", "session": session, "subscription": self.id(),
                "reason": self.pick(&["graceful", "revoked"]),
            }),
            20 => match self.roll(3) {
                0 => {
                    json!({"op": "end", "session": session, "reason": self.pick(&["shutdown", "limit"])})
                }
                1 => json!({"op": "close", "session": session}),
                _ => {
                    json!({"op": "close_stream", "session": session, "stream": self.pick(&["s", "t"])})
                }
            },
            21 => json!({"op": "advance", "ms": self.roll(50)}),
            22 => json!({"op": "drain", "session": session, "stream": stream, "max": self.roll(4)}),
            23 => json!({
                "op": "hang_up", "session": session, "stream": self.pick(&["s", "t"]), "retry_ms": 5,
            }),
            _ => json!({"op": "drain", "max": self.roll(8)}),
        }
    }

    /// The return of a client to one of the events that it has seen.
    fn resume(&mut self, seen: &[(String, String)]) -> Value {
        let (session, id) = &seen[seen.len() - 1 - self.roll(seen.len().min(12))];
        json!({
            "op": "resume", "session": session, "stream": self.pick(&["s", "t", "u", "v", "w"]), "last_event_id": id,
        })
    }
}

/// All numbers there are. A session that is gone counts as its error.
fn numbers(drive: &mut Drive) -> Vec<String> {
    let mut all = vec![drive.line(r#"{"op":"stats"}"#), drive.line(r#"{"op":"advance","ms":0}"#)];
    for name in ["a", "b", "c", "d", "e"] {
        all.push(drive.line(&json!({"op": "stats", "session": name}).to_string()));
    }
    all
}

/// The answers, how many commands were refused, and how many streams were resumed.
fn walk(seed: u64, steps: usize) -> (Vec<String>, usize, usize) {
    let mut dice = Dice(seed);
    let mut drive = Drive::start(&[
        "--set",
        "progress.min_interval_ms=20",
        "--set",
        "replay.max_age_ms=300",
        "--set",
        "replay.max_streams=2",
        "--log",
        "emergency",
    ]);
    let mut seen = Vec::new();
    let mut answers = Vec::new();
    let (mut refused, mut resumed) = (0, 0);
    let mut before = numbers(&mut drive);
    for step in 0..steps {
        let comes_back = dice.roll(12) == 0 && !seen.is_empty();
        let command = if comes_back { dice.resume(&seen) } else { dice.command() }.to_string();
        let answer = drive.line(&command);
        let parsed: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|e| panic!("seed {seed}, step {step}: {command}: {e}: {answer}"));
        let after = numbers(&mut drive);
        match (&parsed["ok"], &parsed["error"]["code"], &parsed["error"]["text"]) {
            (Value::Bool(true), _, _) => resumed += usize::from(comes_back),
            (_, Value::String(_), Value::String(_)) => {
                refused += 1;
                assert_eq!(after, before, "seed {seed}, step {step}: {command}: {answer}");
            }
            _ => panic!("seed {seed}, step {step}: {command}: neither done nor refused: {answer}"),
        }
        for frame in parsed["frames"].as_array().into_iter().flatten() {
            seen.extend(sound(frame, &command));
        }
        before = after;
        answers.push(answer);
    }
    assert!(drive.finish().success(), "seed {seed}");
    (answers, refused, resumed)
}

/// A frame is one JSON-RPC message in its framing (R1, R4, R5), or one of the two events without a
/// message (R33). Yields its session and its event id, if it has one.
fn sound(frame: &Value, command: &str) -> Option<(String, String)> {
    let data = frame["data"].as_str().unwrap_or_else(|| panic!("{command}: {frame}"));
    if data == "retry: 5\n\n" {
        return None;
    }
    let numbered = data.strip_prefix("id: ").and_then(|rest| rest.split_once('\n'));
    let seen =
        numbered.map(|(id, _)| (frame["session"].as_str().unwrap().to_owned(), id.to_owned()));
    let data = numbered.map_or(data, |(_, rest)| rest);
    if data == "data: \n\n" {
        assert!(seen.is_some(), "{command}: {frame}");
        return seen;
    }
    let bare = data.strip_prefix("event: message\ndata: ").unwrap_or(data).trim_end_matches('\n');
    assert!(!bare.contains(['\n', '\r']), "{command}: a line break inside {frame}");
    let message: Value =
        serde_json::from_str(bare).unwrap_or_else(|e| panic!("{command}: {e}: {frame}"));
    assert_eq!(message["jsonrpc"], "2.0", "{command}: {frame}");
    let response = message.get("result").is_some() != message.get("error").is_some();
    assert_ne!(message["method"].is_string(), response, "{command}: {frame}");
    seen
}

#[test]
fn random_scripts_are_answered_line_by_line() {
    let (mut refused, mut resumed) = (0, 0);
    for seed in 1..=6 {
        let walked = walk(seed, 1200);
        refused += walked.1;
        resumed += walked.2;
    }
    // Both outcomes must have been seen often, or this test tests nothing.
    assert!((500..6000).contains(&refused), "{refused} of 7200 refused");
    assert!(resumed > 15, "{resumed} streams were resumed");
}

#[test]
fn the_same_script_gives_the_same_bytes() {
    assert_eq!(walk(42, 1500).0, walk(42, 1500).0);
}
