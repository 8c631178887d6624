//! The two tools: `checksum`, which reads, and `wait`, which only takes its time.

use std::io::Read as _;
use std::time::{Duration, Instant};

use fanfare::Level;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::app::Server;
use super::calls::{Call, Cancelled};
use super::dialect::{Dialect, Fault, INVALID_PARAMS};

/// The longest that `wait` waits.
const MAX_WAIT_SECONDS: f64 = 3600.0;

/// What a tool came to. A failure of the tool is a result too: the model is to see it.
pub(crate) struct Outcome {
    text: String,
    structured: Option<Value>,
    failed: bool,
}

impl Outcome {
    fn failure(text: impl Into<String>) -> Self {
        Self { text: text.into(), structured: None, failed: true }
    }

    pub(crate) fn into_content(self, dialect: Dialect) -> serde_json::Map<String, Value> {
        let mut content = serde_json::Map::new();
        content.insert("content".to_owned(), json!([{ "type": "text", "text": self.text }]));
        content.insert("isError".to_owned(), json!(self.failed));
        if dialect.has_structured_content()
            && let Some(structured) = self.structured
        {
            content.insert("structuredContent".to_owned(), structured);
        }
        content
    }
}

/// The tools as `tools/list` shows them.
pub(crate) fn list(dialect: Dialect) -> Vec<Value> {
    let checksum = json!({
        "name": "checksum",
        "description": "SHA-256 of a served file, or of all of them. Reports progress in bytes.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "path": {
                    "type": "string",
                    "description": "The file, by its path below the served folder or by its URI; \
                                    all files if left out",
                },
            },
        },
    });
    let wait = json!({
        "name": "wait",
        "description": "Waits, and reports progress ten times on the way.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "seconds": {
                    "type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS,
                    "description": "How long",
                },
            },
            "required": ["seconds"],
        },
    });
    let mut tools = vec![checksum, wait];
    if dialect.has_annotations() {
        for tool in &mut tools {
            tool["annotations"] = json!({ "readOnlyHint": true, "openWorldHint": false });
        }
    }
    if dialect.has_structured_content() {
        tools[0]["title"] = json!("Checksum");
        tools[0]["outputSchema"] = checksum_output();
        tools[1]["title"] = json!("Wait");
    }
    tools
}

fn checksum_output() -> Value {
    let string = json!({ "type": "string" });
    json!({
        "type": "object",
        "properties": {
            "files": { "type": "array", "items": {
                "type": "object",
                "properties": { "uri": string, "sha256": string, "size": { "type": "integer" } },
                "required": ["uri", "sha256", "size"],
            } },
            "failed": { "type": "array", "items": {
                "type": "object",
                "properties": { "uri": string, "error": string },
                "required": ["uri", "error"],
            } },
        },
        "required": ["files", "failed"],
    })
}

/// Whether there is a tool of that name.
pub(crate) fn exists(name: &str) -> bool {
    matches!(name, "checksum" | "wait")
}

/// Runs a tool.
pub(crate) fn run(
    server: &Server,
    call: &Call,
    name: &str,
    arguments: Value,
) -> Result<Result<Outcome, Fault>, Cancelled> {
    match name {
        "checksum" => match serde_json::from_value(arguments) {
            Ok(arguments) => checksum(server, call, &arguments).map(Ok),
            Err(error) => Ok(Ok(Outcome::failure(format!("checksum: {error}")))),
        },
        "wait" => match serde_json::from_value(arguments) {
            Ok(arguments) => wait(server, call, &arguments).map(Ok),
            Err(error) => Ok(Ok(Outcome::failure(format!("wait: {error}")))),
        },
        _ => Ok(Err(Fault::new(INVALID_PARAMS, format!("there is no tool {name:?}")))),
    }
}

#[derive(Deserialize)]
struct ChecksumArguments {
    path: Option<String>,
}

/// Adds up what is read of all files, and says so.
struct Meter<'a> {
    server: &'a Server,
    call: &'a Call,
    done: u64,
    total: u64,
}

impl Meter<'_> {
    #[expect(clippy::cast_precision_loss, reason = "progress need not be exact beyond 2^53 bytes")]
    fn report(&mut self, doing: &str) {
        // A file may have grown since it was measured.
        self.total = self.total.max(self.done);
        self.call.progress(self.server.engine(), self.done as f64, self.total as f64, doing);
    }
}

fn checksum(
    server: &Server,
    call: &Call,
    arguments: &ChecksumArguments,
) -> Result<Outcome, Cancelled> {
    let catalog = server.catalog();
    let uris: Vec<(String, u64)> = match &arguments.path {
        Some(path) => {
            let uri = catalog.uri_of(path);
            let size = catalog.open(&uri).map_or(0, |(resource, _)| resource.size);
            vec![(uri, size)]
        }
        None => catalog.list().into_iter().map(|file| (file.uri, file.size)).collect(),
    };
    let total = uris.iter().map(|(_, size)| size).sum();
    let mut meter = Meter { server, call, done: 0, total };
    meter.report("opening");
    let (mut files, mut failed, mut lines) = (Vec::new(), Vec::new(), String::new());
    for (uri, _) in &uris {
        match digest(server, &mut meter, uri)? {
            Ok((name, digest, size)) => {
                lines += &format!("{digest}  {name}\n");
                files.push(json!({ "uri": uri, "sha256": digest, "size": size }));
            }
            Err(cause) => {
                let data = json!({ "uri": uri, "error": cause });
                call.log(server.engine(), Level::Error, "checksum", &data);
                lines += &format!("failed: {cause}\n");
                failed.push(data);
            }
        }
    }
    let summary = json!({ "files": files.len(), "failed": failed.len(), "bytes": meter.done });
    call.log(server.engine(), Level::Info, "checksum", &summary);
    Ok(Outcome {
        text: lines,
        failed: !failed.is_empty(),
        structured: Some(json!({ "files": files, "failed": failed })),
    })
}

/// Name, digest and size of one file, or why there is none.
fn digest(
    server: &Server,
    meter: &mut Meter<'_>,
    uri: &str,
) -> Result<Result<(String, String, u64), String>, Cancelled> {
    let (resource, mut file) = match server.catalog().open(uri) {
        Ok(opened) => opened,
        Err(refusal) => return Ok(Err(refusal.to_string())),
    };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        meter.call.check()?;
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(format!("{uri}: {error}"))),
        };
        hasher.update(&buffer[..read]);
        size += read as u64;
        meter.done += read as u64;
        meter.report(&resource.name);
    }
    let digest = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Ok((resource.name, digest, size)))
}

#[derive(Deserialize)]
struct WaitArguments {
    seconds: f64,
}

fn wait(server: &Server, call: &Call, arguments: &WaitArguments) -> Result<Outcome, Cancelled> {
    let seconds = arguments.seconds;
    if !(0.0..=MAX_WAIT_SECONDS).contains(&seconds) {
        return Ok(Outcome::failure(format!(
            "wait: seconds must be from 0 to {MAX_WAIT_SECONDS}, not {seconds}"
        )));
    }
    let start = Instant::now();
    for tenth in 1..=10 {
        let after = seconds * f64::from(tenth) / 10.0;
        call.sleep_until(start + Duration::from_secs_f64(after))?;
        let message = format!("{tenth} of 10 tenths");
        call.progress(server.engine(), f64::from(tenth), 10.0, &message);
    }
    Ok(Outcome { text: format!("waited {seconds} s"), structured: None, failed: false })
}
