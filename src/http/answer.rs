//! How the answer to a request goes out: with which status, and as what. The first frame decides.

use super::check::{Call, CallKind};
use super::endpoint::Endpoint;
use super::status::{ACCEPTED, NO_CONTENT, OK};
use crate::protocol::message;

/// The headers of an answer that is one JSON text.
pub const JSON_HEADERS: &[(&str, &str)] = &[("Content-Type", "application/json")];

/// The headers of an answer that is an event stream: nobody between is to keep it, change it, or
/// hold it back (R59).
pub const EVENT_STREAM_HEADERS: &[(&str, &str)] = &[
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
];

/// How to answer an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'f> {
    /// At once and without a body: 202 for what was accepted (R82), 204 for a DELETE.
    Empty {
        /// The HTTP status.
        status: u16,
    },
    /// With one JSON text, which is all there is: the frame is not written besides.
    Json {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: &'f [u8],
    },
    /// With status 200 and an event stream: the first frame and all that follow, as they are, until
    /// one is the last ([`FrameFlags::is_last`](crate::FrameFlags::is_last)).
    Stream,
}

impl Answer<'_> {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Empty { status } | Self::Json { status, .. } => *status,
            Self::Stream => OK,
        }
    }

    /// The headers, beside those of the host's own.
    pub fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Empty { .. } => &[],
            Self::Json { .. } => JSON_HEADERS,
            Self::Stream => EVENT_STREAM_HEADERS,
        }
    }
}

impl Endpoint {
    /// How to answer a call, by the first frame that there is for it: of the stream that was opened
    /// for it, in [`Framing::Sse`](crate::Framing::Sse) or
    /// [`Framing::Json`](crate::Framing::Json), or the host's own response. `None` while a request
    /// has none: the answer has to wait for it.
    ///
    /// A response that comes first goes out as JSON: an error with the status of its code (R54,
    /// G24), a result with 200. Anything else begins a stream (G25), and so does a frame without a
    /// message (the first of 2025-11-25 is one) and any answer to a batch.
    pub fn answer<'f>(&self, call: &Call<'_>, first: Option<&'f [u8]>) -> Option<Answer<'f>> {
        let response = first.and_then(message_in).and_then(|message| {
            let text = std::str::from_utf8(message).ok()?;
            match message::error_code(text) {
                Some(code) => Some((self.status(call.era, code), message, true)),
                None => is_result(text).then_some((OK, message, false)),
            }
        });
        match call.kind {
            CallKind::Get => Some(Answer::Stream),
            CallKind::Delete => Some(Answer::Empty { status: NO_CONTENT }),
            CallKind::OneWay => Some(match response {
                // It could not be accepted after all. What else is queued is not about it.
                Some((status, body, true)) if status != OK => Answer::Json { status, body },
                _ => Answer::Empty { status: ACCEPTED },
            }),
            CallKind::Initialize | CallKind::Request => {
                first?;
                Some(match response {
                    Some((status, body, _)) if !call.is_batch => Answer::Json { status, body },
                    _ => Answer::Stream,
                })
            }
        }
    }
}

/// The JSON text in a frame: all of it, or the one data line of an SSE event.
fn message_in(frame: &[u8]) -> Option<&[u8]> {
    if frame.first() == Some(&b'{') {
        return Some(frame.trim_ascii_end());
    }
    let mut lines = frame.split(|byte| *byte == b'\n');
    lines.find_map(|line| line.strip_prefix(b"data: ")).filter(|data| !data.is_empty())
}

fn is_result(text: &str) -> bool {
    matches!(message::Message::parse(text), Ok(message::Message::Response { result: Some(_), .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Era, Statuses};

    fn call(kind: CallKind, era: Era) -> Call<'static> {
        Call {
            kind,
            era,
            revision: None,
            session_id: None,
            last_event_id: None,
            is_batch: false,
            id: None,
        }
    }

    const ERROR: &[u8] = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"m"}}"#;
    const RESULT: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    const NOTE: &[u8] = br#"{"jsonrpc":"2.0","method":"notifications/x"}"#;

    fn event(id: &str, message: &[u8]) -> Vec<u8> {
        [id.as_bytes(), b"event: message\ndata: ", message, b"\n\n"].concat()
    }

    #[test]
    fn the_first_frame_decides_in_each_framing() {
        let endpoint = Endpoint::new();
        let request = call(CallKind::Request, Era::Modern);
        for frame in [
            |message: &[u8]| message.to_vec(),
            |message: &[u8]| event("", message),
            |message: &[u8]| event("id: 2-1\n", message),
        ] {
            let answer = |message| match endpoint.answer(&request, Some(&frame(message))).unwrap() {
                Answer::Json { status, body } => Some((status, body.to_vec())),
                Answer::Stream => None,
                Answer::Empty { .. } => panic!("a request is answered"),
            };
            assert_eq!(answer(ERROR), Some((404, ERROR.to_vec())));
            assert_eq!(answer(RESULT), Some((200, RESULT.to_vec())));
            assert_eq!(answer(NOTE), None);
        }
        for without_message in [&b"id: 2-0\ndata: \n\n"[..], b"retry: 9\n\n", b": alive\n\n", b""] {
            assert_eq!(endpoint.answer(&request, Some(without_message)), Some(Answer::Stream));
        }
        assert_eq!(endpoint.answer(&request, None), None);
        let batch = Call { is_batch: true, ..request };
        assert_eq!(endpoint.answer(&batch, Some(ERROR)), Some(Answer::Stream));
    }

    #[test]
    fn each_kind_and_era_has_its_own() {
        let endpoint =
            Endpoint::new().statuses(Statuses { invalid_params: 422, ..Statuses::default() });
        let status = |kind, era, frame| {
            endpoint.answer(&call(kind, era), frame).map(|answer| answer.status())
        };
        assert_eq!(status(CallKind::Request, Era::Legacy, Some(ERROR)), Some(200));
        assert_eq!(status(CallKind::Initialize, Era::Legacy, Some(RESULT)), Some(200));
        assert_eq!(status(CallKind::Initialize, Era::Legacy, None), None);
        let params = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"m"}}"#;
        assert_eq!(status(CallKind::Request, Era::Modern, Some(params)), Some(422));
        for era in [Era::Legacy, Era::Modern] {
            assert_eq!(status(CallKind::OneWay, era, None), Some(202));
            assert_eq!(status(CallKind::OneWay, era, Some(NOTE)), Some(202));
            let invalid = br#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"m"}}"#;
            assert_eq!(status(CallKind::OneWay, era, Some(invalid)), Some(400));
        }
        let get = endpoint.answer(&call(CallKind::Get, Era::Legacy), None).unwrap();
        assert_eq!((get.status(), get.headers()), (200, EVENT_STREAM_HEADERS));
        assert_eq!(status(CallKind::Delete, Era::Legacy, None), Some(204));
    }
}
