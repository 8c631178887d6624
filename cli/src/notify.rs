//! `fanfare notify`: a notification into a server that runs.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::admin;

/// Raise a notification in a server that runs, and print how many subscriptions it reached.
///
/// The server was started with `fanfare serve --admin PATH`; only the same user may do this. Its
/// clients hear of it by the rules of their revisions: a resource that changed reaches those who
/// subscribed to it, a log message those whose level admits it. For notifications whose content
/// matters (log messages, progress, METHODs of your own) sessions are counted.
///
/// METHOD is one of notifications/...: resources/updated, resources/list_changed,
/// tools/list_changed, prompts/list_changed, message, progress, or of your own. What the server
/// does not advertise, its clients do not hear.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  it was raised, though it may have reached nobody: `reached 0`
  1  it was not (the cause is on stderr): no server is there, or it refuses the method, the
     params or the target
  2  the command line was not understood

Try it:
  fanfare serve /tmp --http 127.0.0.1:8080 --admin /tmp/admin.sock &
  fanfare notify notifications/resources/list_changed --admin /tmp/admin.sock
  fanfare notify notifications/resources/updated '{\"uri\":\"file:///tmp/notes.txt\"}' \\
    --to principal:alice --admin /tmp/admin.sock")]
pub(crate) struct Args {
    /// The method, as in notifications/resources/updated
    method: String,

    /// Its params, a JSON object; -: read from stdin
    #[arg(value_parser = params)]
    params: Option<Params>,

    /// The server's admin socket
    #[arg(long, value_name = "PATH")]
    admin: PathBuf,

    /// Who may hear of it: `all`, `session:N`, `except:N` (all but one session), `principal:NAME`,
    /// or `request:N:ID` (one request that session N waits for: its progress and log messages).
    /// `fanfare stats --sessions` shows the sessions; ID is JSON, as in request:7:12 or
    /// 'request:7:"a"'. Over HTTP, a session of the revisions before 2026-07-28 may also be named
    /// by its Mcp-Session-Id
    #[arg(long, value_name = "TARGET", default_value = "all", value_parser = target)]
    to: Target,

    /// A JSON object whose members are put into params._meta
    #[arg(long, value_name = "OBJECT", value_parser = object)]
    context: Option<Box<RawValue>>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let params = match args.params {
        None => None,
        Some(Params::Given(params)) => Some(params),
        Some(Params::Stdin) => {
            let mut text = String::new();
            let mut stdin = std::io::stdin().lock().take(MAX_STDIN_BYTES);
            stdin.read_to_string(&mut text).context("cannot read params from stdin")?;
            Some(object(&text).map_err(|why| anyhow!("params from stdin: {why}"))?)
        }
    };
    let to = match args.to {
        Target::All => None,
        Target::To(to) => Some(to),
    };
    let (method, context) = (args.method, args.context);
    let answer = admin::ask(&args.admin, &Command { op: "notify", method, params, context, to })?;
    let reached = answer.get("matched").context("the server does not say whom it reached")?;
    println!("reached {reached}");
    Ok(ExitCode::SUCCESS)
}

/// More than this is refused by every server.
const MAX_STDIN_BYTES: u64 = 2 << 20;

#[derive(Serialize)]
struct Command {
    op: &'static str,
    method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<To>,
}

#[derive(Clone, Debug)]
enum Params {
    Given(Box<RawValue>),
    Stdin,
}

fn params(text: &str) -> Result<Params, String> {
    if text == "-" { Ok(Params::Stdin) } else { object(text).map(Params::Given) }
}

/// The text of a JSON object, on one line: a command has no more.
fn object(text: &str) -> Result<Box<RawValue>, String> {
    // Within a string there can be no line end, so that these are but white space.
    let text = text.replace(['\n', '\r'], " ");
    let value = RawValue::from_string(text.trim().to_owned())
        .map_err(|error| format!("it is no JSON: {error}"))?;
    if !value.get().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    Ok(value)
}

/// Who may hear of it.
#[derive(Clone, Debug)]
enum Target {
    All,
    To(To),
}

/// A session: by its number, or by what its client calls it.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Session {
    Number(u64),
    Id(String),
}

impl Session {
    /// An id of digits alone would be a number; none that a server of ours gives out is.
    fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() >= MIN_ID_LEN && text.bytes().all(|b| b.is_ascii_graphic());
        match text.parse() {
            Ok(number) => Some(Self::Number(number)),
            Err(_) if is_id => Some(Self::Id(text.to_owned())),
            Err(_) => None,
        }
    }
}

/// A Mcp-Session-Id has 128 bits at least, and so no fewer characters than this. What is shorter is
/// a mistake.
const MIN_ID_LEN: usize = 20;

/// The same, as the server reads it.
#[derive(Clone, Debug, Default, Serialize)]
struct To {
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Session>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    except: Option<Session>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
}

fn target(text: &str) -> Result<Target, String> {
    const FORMS: &str = "it takes all, session:N, except:N, principal:NAME or request:N:ID, N a \
        session's number or its Mcp-Session-Id";
    let number = |text: &str| Session::parse(text).ok_or_else(|| FORMS.to_owned());
    if text == "all" {
        return Ok(Target::All);
    }
    let (kind, rest) = text.split_once(':').ok_or(FORMS)?;
    let to = match kind {
        "session" => To { session: Some(number(rest)?), ..To::default() },
        "except" => To { except: Some(number(rest)?), ..To::default() },
        "principal" => To { principal: Some(rest.to_owned()), ..To::default() },
        "request" => {
            let (session, id) = rest.split_once(':').ok_or(FORMS)?;
            let id = RawValue::from_string(id.to_owned()).map_err(|_| {
                "the ID of a request is JSON, as in request:7:12 or request:7:\"a\"".to_owned()
            })?;
            To { session: Some(number(session)?), request: Some(id), ..To::default() }
        }
        _ => return Err(FORMS.to_owned()),
    };
    Ok(Target::To(to))
}
