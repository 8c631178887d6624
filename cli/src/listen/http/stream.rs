//! A stream of messages, over one connection or over several after one another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_cli::sse::{Item, Parser};
use http_body_util::BodyExt as _;
use hyper::body::Incoming as Body;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use hyper::http::request::Builder;
use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::backoff::{Backoff, chance};
use super::link::Link;
use super::refusal::{Refusal, broken, collect, error_answer, media_type};
use super::{given_up, waiting};
use crate::listen::client::{Incoming, Loss};
use crate::listen::note;

/// The longest event id that is sent back; a server might not take a header that is longer.
const MAX_EVENT_ID_BYTES: usize = 4096;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// When a stream whose connection is lost is taken up again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Resumes {
    /// 2026-07-28 knows no such thing (R58).
    Never,
    /// If the server numbers its events.
    WithId,
    /// At worst, something is missed.
    Always,
}

/// A stream, and how far it was read.
pub(super) struct Stream {
    link: Arc<Link>,
    to: Sender<Incoming>,
    /// The request that it answers; none if it is for what the server says by itself.
    request: Option<u64>,
    is_initialize: bool,
    is_answered: bool,
    /// The server has opened it at least once.
    was_open: bool,
    /// Of the last event; empty if the server does not number them.
    last_id: String,
    /// How long the server wants to be left alone between two connections.
    retry: Option<Duration>,
}

/// How a connection ended.
struct End {
    why: String,
    /// The server closed it in the way of HTTP, after it had sent something.
    is_clean: bool,
}

/// Opens the stream of what a server says by itself (up to 2025-11-25), and keeps it open. `tried`
/// is called when the server has taken or refused it.
pub(crate) async fn hear_news(
    link: Arc<Link>,
    to: Sender<Incoming>,
    tried: impl FnOnce(),
) -> Result<(), Loss> {
    Stream::new(link, to, None, false).follow(None, Resumes::Always, tried).await
}

impl Stream {
    fn new(
        link: Arc<Link>,
        to: Sender<Incoming>,
        request: Option<u64>,
        is_initialize: bool,
    ) -> Self {
        let (last_id, retry) = (String::new(), None);
        Self {
            link,
            to,
            request,
            is_initialize,
            is_answered: false,
            was_open: false,
            last_id,
            retry,
        }
    }

    pub(super) fn of_request(
        link: Arc<Link>,
        to: Sender<Incoming>,
        id: u64,
        is_initialize: bool,
    ) -> Self {
        Self::new(link, to, Some(id), is_initialize)
    }

    /// Reads an answer that is no event stream.
    pub(super) async fn whole(mut self, body: Body) -> Result<(), Loss> {
        let max = self.link.max_event_bytes;
        let why = match collect(body, max).await.map_err(|error| broken(&error))? {
            Some(body) => {
                self.message(body).await?;
                "the server's answer has no response in it".to_owned()
            }
            None => format!("the server's answer is longer than {max} bytes (--max-event)"),
        };
        match self.request.filter(|_| !self.is_answered) {
            Some(id) => self.hand_on(&error_answer(id, &why)).await,
            None => Ok(()),
        }
    }

    /// Reads events until the stream is over. What a server says by itself never is.
    pub(super) async fn follow(
        mut self,
        mut body: Option<Body>,
        resumes: Resumes,
        tried: impl FnOnce(),
    ) -> Result<(), Loss> {
        let mut tried = Some(tried);
        let mut backoff = Backoff::new(self.link.policy);
        let mut was_told = false;
        loop {
            let mut is_planned = false;
            let (why, asked) = if let Some(body) = body.take() {
                let began = Instant::now();
                let end = self.read(body).await?;
                if self.is_answered {
                    return Ok(());
                }
                if resumes == Resumes::Never
                    || resumes == Resumes::WithId && self.last_id.is_empty()
                {
                    return Err(Loss::Broken { why: end.why, wait: self.retry });
                }
                backoff.lived(began.elapsed());
                // It said when to come back before it closed the connection: that is how
                // 2025-11-25 wants streams to be polled, and nothing that went wrong.
                is_planned = end.is_clean && self.retry.is_some() && !self.last_id.is_empty();
                if is_planned {
                    backoff.reset();
                }
                (end.why, self.retry)
            } else {
                let opened = self.open().await;
                if let Some(tried) = tried.take() {
                    tried();
                }
                match opened {
                    Ok(opened) => {
                        if std::mem::take(&mut was_told) {
                            note(&self.taken_up());
                        }
                        body = Some(opened);
                        continue;
                    }
                    Err(Loss::Broken { why, wait }) => (why, wait.max(self.retry)),
                    Err(loss) => return Err(loss),
                }
            };
            let Some(delay) = backoff.next(asked, chance()) else {
                return Err(Loss::Hopeless(given_up(&why, &backoff)));
            };
            if !is_planned {
                note(&waiting(&why, delay, &backoff));
                was_told = true;
            }
            tokio::time::sleep(delay).await;
        }
    }

    fn taken_up(&self) -> String {
        if self.last_id.is_empty() {
            "listening again; something may have been missed".to_owned()
        } else {
            format!("listening again, from event {} on", self.last_id)
        }
    }

    /// Asks for the stream by GET, from where it was left.
    async fn open(&mut self) -> Result<Body, Loss> {
        let had_session = self.link.has_session();
        let fill = |builder: Builder| {
            let builder = builder.header(ACCEPT, "text/event-stream");
            let builder = self.link.with_session(builder);
            match resumable(&self.last_id) {
                Some(id) => builder.header(LAST_EVENT_ID, id),
                None => builder,
            }
        };
        let sent = self.link.target.send(Method::GET, fill, vec![]).await;
        let response = sent.map_err(|error| broken(&error))?;
        let kind = media_type(response.headers());
        if response.status().is_success() && kind == "text/event-stream" {
            self.was_open = true;
            return Ok(response.into_body());
        }
        let refusal = Refusal::read(response, had_session).await;
        if let Some(loss) = refusal.loss() {
            return Err(loss);
        }
        let status = refusal.status();
        let why = format!("the server does not open a stream: {refusal}");
        Err(match status {
            // It has not noticed yet that the connection before is gone.
            StatusCode::CONFLICT => Loss::Broken { why, wait: None },
            // It may be that it has forgotten the event, not the session.
            StatusCode::BAD_REQUEST if !self.last_id.is_empty() && self.request.is_none() => {
                self.last_id.clear();
                Loss::Broken { why, wait: None }
            }
            // It should say 404, but not all do.
            StatusCode::BAD_REQUEST if had_session && self.was_open => Loss::SessionOver,
            _ if status.is_success() => Loss::Hopeless(format!("{why}, of type {kind:?}")),
            _ => Loss::Hopeless(why),
        })
    }

    /// Reads one connection to its end.
    async fn read(&mut self, mut body: Body) -> Result<End, Loss> {
        let mut parser = Parser::new(self.link.max_event_bytes, self.last_id.clone());
        let mut is_empty = true;
        let mut items = Vec::new();
        loop {
            let frame = match body.frame().await {
                None => {
                    let why = "the server closed the stream".to_owned();
                    return Ok(End { why, is_clean: !is_empty });
                }
                Some(Err(error)) => {
                    let why = format!("{:#}", anyhow::Error::new(error));
                    return Ok(End { why, is_clean: false });
                }
                Some(Ok(frame)) => frame,
            };
            if let Some(bytes) = frame.data_ref() {
                parser.feed(bytes, |item| items.push(item));
            }
            for item in items.drain(..) {
                is_empty = false;
                self.item(item).await?;
            }
        }
    }

    async fn item(&mut self, item: Item) -> Result<(), Loss> {
        match item {
            Item::Retry(delay) => self.retry = Some(delay),
            Item::TooLong => {
                let max = self.link.max_event_bytes;
                note(&format!("an event of more than {max} bytes is left out (--max-event)"));
            }
            Item::Event(event) => {
                self.last_id = event.id;
                if resumable(&self.last_id).is_none() {
                    self.last_id.clear();
                }
                let is_message = matches!(&*event.name, "" | "message");
                // An event without data opens a stream of 2025-11-25.
                if let Some(data) = event.data.filter(|data| is_message && !data.is_empty()) {
                    self.message(data.into_bytes()).await?;
                }
            }
        }
        Ok(())
    }

    /// Hands a message on, after a look whether it is what the stream is for.
    async fn message(&mut self, line: Vec<u8>) -> Result<(), Loss> {
        if let Some(id) = self.request
            && !self.is_answered
            && let Some(response) = response_in(&line, id)
        {
            self.is_answered = true;
            if self.is_initialize {
                let revision = response["result"]["protocolVersion"].as_str();
                self.link.agree_on(revision.unwrap_or_default());
            }
        }
        deliver_line(&self.to, line).await
    }

    pub(super) async fn hand_on(&self, message: &Value) -> Result<(), Loss> {
        deliver(&self.to, message).await
    }
}

/// An event id as a header; none if there is no id, or one that no header can carry.
fn resumable(id: &str) -> Option<HeaderValue> {
    let fits = !id.is_empty() && id.len() <= MAX_EVENT_ID_BYTES;
    fits.then(|| HeaderValue::from_bytes(id.as_bytes()).ok()).flatten()
}

/// The response to that request, if this is it, or has it among others (2025-03-26).
fn response_in(line: &[u8], id: u64) -> Option<Value> {
    let message: Value = serde_json::from_slice(line).ok()?;
    let answers = |one: &Value| one.get("method").is_none() && one["id"] == id;
    match message {
        Value::Array(batch) => batch.into_iter().find(answers),
        one => answers(&one).then_some(one),
    }
}

pub(super) async fn deliver(to: &Sender<Incoming>, message: &Value) -> Result<(), Loss> {
    deliver_line(to, message.to_string().into_bytes()).await
}

async fn deliver_line(to: &Sender<Incoming>, line: Vec<u8>) -> Result<(), Loss> {
    // Nobody listens any more only when all connections are made anew, or the program ends.
    let sent = to.send(Incoming::Line(line)).await;
    sent.map_err(|_| Loss::Hopeless("nobody listens".to_owned()))
}
