//! Long work: progress that is throttled, its completion, its cancellation, and a task.
//!
//!     cargo run -p fanfare --example progress
//!
//! Clients of both eras call a tool that takes a while. The worker raises progress as often as it
//! likes; what each client hears is bounded by the option `progress.min_interval_ms`, and the
//! result always comes last.

use fanfare::{
    Batch, Config, Disposition, Engine, ErrorKind, Profile, Progress, Raise, Result, Revision,
    SessionId, SessionParams, Target,
};

const STEPS: u32 = 6;

const LEGACY: Profile = Profile::Legacy { revision: Revision::V2025_11_25, handshake: false };

/// Every modern request says who sends it, and this client knows tasks.
const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientCapabilities":{
        "extensions":{"io.modelcontextprotocol/tasks":{}}}"#;

const TASK: &str = concat!(
    r#""taskId":"t-1","createdAt":"2026-07-28T12:00:00Z","#,
    r#""lastUpdatedAt":"2026-07-28T12:00:00Z","ttlMs":null,"status":"#
);

// readme: job
/// One call of the tool, as its worker sees it. Id and token are JSON text, as the call gave them.
struct Job<'a> {
    engine: &'a Engine,
    session: SessionId,
    id: &'a str,
    token: &'a str,
    done: u32,
    is_cancelled: bool,
}

impl<'a> Job<'a> {
    fn new(engine: &'a Engine, session: SessionId, id: &'a str, token: &'a str) -> Self {
        Self { engine, session, id, token, done: 0, is_cancelled: false }
    }

    /// Some of the work; whether there is more.
    fn step(&mut self) -> Result<bool> {
        if self.is_cancelled {
            return Ok(false);
        }
        self.done += 1;
        let (progress, total) = (self.done.into(), Some(STEPS.into()));
        let progress = Progress { token: self.token, progress, total, message: None };
        self.engine.notify_progress(&progress, &Raise::to(Target::Session(self.session)))?;
        Ok(self.done < STEPS)
    }

    fn answer(&self) -> Result<()> {
        let id = self.id;
        let content = r#"[{"type":"text","text":"indexed"}]"#;
        let result = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":{content}}}}}"#);
        self.engine.send(self.session, None, result.as_bytes())
    }
}
// readme: end

fn main() -> Result<()> {
    let mut config = Config::default();
    config.set("clock", "manual")?;
    config.set("progress.min_interval_ms", "100")?;
    let engine = Engine::new(config);
    let legacy = engine.open(SessionParams::new(LEGACY))?;
    let modern = engine.open(SessionParams::new(Profile::Modern))?;

    // readme: run
    let mut jobs = Vec::new();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
        "params":{"name":"index","_meta":{"progressToken":"job"}}}"#;
    if says(&engine, legacy, call)? {
        jobs.push(Job::new(&engine, legacy, "1", r#""job""#));
    }
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call",
            "params":{{"name":"index","_meta":{{"progressToken":7,{META}}}}}}}"#
    );
    if says(&engine, modern, &call)? {
        jobs.push(Job::new(&engine, modern, "1", "7"));
    }
    for step in 0..STEPS {
        let now = step * 40;
        engine.advance(now.into())?;
        for job in &mut jobs {
            job.step()?;
        }
        println!("# {now} ms: step {} of {STEPS}", step + 1);
        deliver(&engine, "legacy", legacy)?;
        deliver(&engine, "modern", modern)?;
    }
    println!("# done");
    for job in &jobs {
        job.answer()?;
    }
    deliver(&engine, "legacy", legacy)?;
    deliver(&engine, "modern", modern)?;
    // readme: end

    // readme: cancel
    println!("# the legacy client calls again, and changes its mind");
    engine.advance(1000)?;
    let call = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call",
        "params":{"name":"index","_meta":{"progressToken":"again"}}}"#;
    says(&engine, legacy, call)?;
    let mut job = Job::new(&engine, legacy, "2", r#""again""#);
    job.step()?;
    deliver(&engine, "legacy", legacy)?;
    job.step()?; // held back, as it comes too soon, and then withdrawn
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled",
        "params":{"requestId":2}}"#;
    if says(&engine, legacy, cancel)? {
        job.is_cancelled = true;
    }
    while job.step()? {}
    println!("# stopped after step {}", job.done);
    match job.answer() {
        Err(why) if why.kind() == ErrorKind::State => println!("# {}", why.detail()),
        other => other?,
    }
    engine.advance(2000)?;
    deliver(&engine, "legacy", legacy)?;
    // readme: end

    // readme: task
    println!("# the modern client's call becomes a task");
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call",
            "params":{{"name":"index","_meta":{{{META}}}}}}}"#
    );
    says(&engine, modern, &call)?;
    let created =
        format!(r#"{{"jsonrpc":"2.0","id":2,"result":{{"resultType":"task",{TASK}"working"}}}}"#);
    engine.send(modern, None, created.as_bytes())?;
    let listen = format!(
        r#"{{"jsonrpc":"2.0","id":"task","method":"subscriptions/listen",
            "params":{{"_meta":{{{META}}},"notifications":{{"taskIds":["t-1"]}}}}}}"#
    );
    says(&engine, modern, &listen)?;
    deliver(&engine, "modern", modern)?;
    // While the client reads nothing.
    for step in 1..=3 {
        let working = format!(r#"{{{TASK}"working","statusMessage":"step {step} of 3"}}"#);
        engine.notify_task(&working, &Raise::ALL)?;
    }
    deliver(&engine, "modern", modern)?;
    let completed = format!(r#"{{{TASK}"completed","result":{{"content":[]}}}}"#);
    engine.notify_task(&completed, &Raise::ALL)?;
    deliver(&engine, "modern", modern)
    // readme: end
}

/// A message of the client has come in; whether the server must act on it.
fn says(engine: &Engine, session: SessionId, message: &str) -> Result<bool> {
    Ok(engine.receive(session, None, message.as_bytes())? == Disposition::Pass)
}

fn deliver(engine: &Engine, name: &str, session: SessionId) -> Result<()> {
    let mut batch = Batch::new();
    engine.recv(Some(session), 64, &mut batch)?;
    for frame in batch.iter() {
        print!("{name} <- {}", String::from_utf8_lossy(frame.data));
    }
    Ok(())
}
