//! `fanfare demo`: the main job, shown and checked.
//!
//! Nothing here waits for a time to pass. What must be heard is waited for; and what must not be
//! heard is looked for among all that came before something later that had to come.

mod listener;
mod local;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use fanfare::Revision;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::listen::client::Notification;
use crate::serve::uri;
use listener::{Listener, checksum};
use stage::Stage;

/// Show the main job: three kinds of listeners, each hears exactly what it asked for.
///
/// Files change, work progresses, and a file breaks; who hears what is shown and checked. It takes
/// a few seconds and no arguments.
///
/// Makes a temporary folder, and serves it to a client of 2025-11-25 and to one of 2026-07-28 (a
/// child process, `fanfare serve`, for each), and to a listener in this process that names the
/// types of notifications it wants.
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes:
  0  every expectation held
  1  one did not, or something failed (the cause is on stderr)")]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = folder.path().canonicalize().context("cannot find the temporary folder")?;
    let mut demo = Demo::begin(&folder)?;
    demo.a_file_is_written()?;
    demo.another_file_is_written()?;
    demo.a_file_appears()?;
    demo.work_progresses()?;
    demo.time_passes()?;
    demo.work_is_cancelled()?;
    demo.a_file_breaks()?;
    demo.the_work_meets_the_broken_file()?;
    demo.nothing_else_was_heard()?;
    demo.goodbye(start)
}

/// The file that all are interested in.
const NOTES: &str = "notes.txt";
/// The file that only the open listener hears of.
const PLAN: &str = "plan.md";
/// A file large enough for work on it to take a while.
const DATA: &str = "data.bin";
const DATA_BYTES: usize = 16 << 20;
/// The file that is not there at first.
const IDEAS: &str = "ideas.txt";

struct Demo {
    folder: PathBuf,
    stage: Stage,
    legacy: Listener,
    modern: Listener,
    open: Listener,
    /// The number of the modern listener's `subscriptions/listen`.
    listen: u64,
    /// The number of the modern listener's request that was cancelled.
    cancelled: Option<u64>,
    digest: String,
    /// How often the file was written that all are interested in.
    notes_written: usize,
}

impl Demo {
    /// Fills the folder, starts everybody, and lets each say what it wants to hear.
    fn begin(folder: &Path) -> anyhow::Result<Self> {
        let data: Vec<u8> = (0..DATA_BYTES).map(|i| (i % 251) as u8).collect();
        for (name, content) in [(NOTES, &b"one\n"[..]), (PLAN, b"# Plan\n"), (DATA, &data)] {
            fs::write(folder.join(name), content).context("cannot fill the folder")?;
        }
        let digest = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
        let notes = uri::from_path(&folder.join(NOTES));
        let stage = Stage::new(uri::from_path(&folder.join("x")).trim_end_matches('x').to_owned());
        stage.say(&format!("Three listeners, and the files in {}:", folder.display()))?;

        let (mut legacy, peer) = Listener::child("legacy", folder, Revision::LATEST_LEGACY)?;
        legacy.call("resources/subscribe", json!({ "uri": notes }))?;
        legacy.call("logging/setLevel", json!({ "level": "warning" }))?;
        stage.say(&format!(
            "   legacy  a child process, {}: subscribes to {NOTES}, and to log messages from \
             warning up",
            peer.revision
        ))?;

        let (mut modern, peer) = Listener::child("modern", folder, Revision::MODERN)?;
        let filter = json!({ "resourcesListChanged": true, "resourceSubscriptions": [notes] });
        let listen = modern.ask("subscriptions/listen", json!({ "notifications": filter }))?;
        modern
            .wait_for(|heard| heard.kind() == "subscriptions/acknowledged")?
            .context("the listen was not acknowledged")?;
        stage.say(&format!(
            "   modern  a child process, {}: listens to {NOTES} and to the list of resources",
            peer.revision
        ))?;

        let mut open = Listener::local("open", folder)?;
        let types = json!({ "types": ["resources/updated", "progress"] });
        open.call("notifications/subscribe", types.clone())?;
        stage.say(&format!("   open    in this process, no handshake: {types}"))?;
        let folder = folder.to_owned();
        Ok(Self {
            folder,
            stage,
            legacy,
            modern,
            open,
            listen,
            cancelled: None,
            digest,
            notes_written: 0,
        })
    }

    fn a_file_is_written(&mut self) -> anyhow::Result<()> {
        self.stage.act(&format!("{NOTES} is written"))?;
        let (notes, written) = self.write(NOTES, "two\n")?;
        for listener in [&mut self.legacy, &mut self.modern, &mut self.open] {
            hears(&mut self.stage, listener, "resources/updated", written, is_update(&notes))?;
        }
        Ok(())
    }

    fn another_file_is_written(&mut self) -> anyhow::Result<()> {
        self.stage.act(&format!("{PLAN} is written"))?;
        let marks = [self.legacy.mark(), self.modern.mark()];
        let (plan, written) = self.write(PLAN, "# Plan\n\n1. Listen.\n")?;
        hears(&mut self.stage, &mut self.open, "resources/updated", written, is_update(&plan))?;
        self.fence()?;
        for (listener, mark) in [&self.legacy, &self.modern].into_iter().zip(marks) {
            let silent = !listener.heard[mark..].iter().any(is_update(&plan));
            let why = format!("hears nothing of {PLAN}: it asked for {NOTES}");
            self.stage.expect(silent, listener.name, &why)?;
        }
        Ok(())
    }

    fn a_file_appears(&mut self) -> anyhow::Result<()> {
        self.stage.act(&format!("{IDEAS} appears"))?;
        let mark = self.open.mark();
        let (_, written) = self.write(IDEAS, "none yet\n")?;
        let kind = "resources/list_changed";
        for listener in [&mut self.legacy, &mut self.modern] {
            hears(&mut self.stage, listener, kind, written, |heard| heard.kind() == kind)?;
        }
        self.fence()?;
        let silent = !self.open.heard[mark..].iter().any(|heard| heard.kind() == kind);
        let why = format!("hears no {kind}: it is none of its types");
        self.stage.expect(silent, "open", &why)?;
        Ok(())
    }

    fn work_progresses(&mut self) -> anyhow::Result<()> {
        self.stage
            .act(&format!("Each asks for the checksum of {DATA}, {} MiB", DATA_BYTES >> 20))?;
        for listener in [&mut self.legacy, &mut self.modern, &mut self.open] {
            let mark = listener.mark();
            let token = format!("{}'s", listener.name);
            let result = listener.call("tools/call", checksum(DATA, &token, &json!({})))?;
            let steps = progress(&listener.heard[mark..], &json!(token));
            let grows = steps.is_sorted_by(|a, b| a < b);
            let reaches = steps.last() == Some(&(DATA_BYTES as f64));
            let what = format!("hears progress {} times, ever more, up to the end", steps.len());
            self.stage.expect(grows && reaches, listener.name, &what)?;
            let foreign = listener.heard[mark..].iter().filter(|heard| heard.kind() == "progress");
            let foreign = foreign.filter(|heard| heard.params["progressToken"] != token.as_str());
            self.stage.expect(
                foreign.count() == 0,
                listener.name,
                "hears no progress of others",
            )?;
            let text = result["content"][0]["text"].as_str().unwrap_or_default();
            self.stage.expect(
                text.starts_with(&self.digest),
                listener.name,
                &format!("is told the right checksum: {}...", &self.digest[..16]),
            )?;
        }
        Ok(())
    }

    fn time_passes(&mut self) -> anyhow::Result<()> {
        self.stage.act("Each asks to wait for a second, all at the same time")?;
        let mut asked = Vec::new();
        for listener in [&mut self.legacy, &mut self.modern, &mut self.open] {
            let params = json!({
                "name": "wait", "arguments": { "seconds": 1 }, "_meta": { "progressToken": 7 },
            });
            asked.push((listener.mark(), listener.ask("tools/call", params)?));
        }
        // The open one first: it has nobody to listen while others are waited for, and progress
        // that waits is replaced by what comes after it.
        let listeners = [&mut self.legacy, &mut self.modern, &mut self.open];
        for (listener, (_, id)) in listeners.into_iter().zip(&asked).rev() {
            listener.answer(*id)?;
        }
        for (listener, (mark, _)) in [&self.legacy, &self.modern, &self.open].into_iter().zip(asked)
        {
            let steps = progress(&listener.heard[mark..], &json!(7));
            let well = steps.is_sorted_by(|a, b| a < b) && steps.last() == Some(&10.0);
            let steps: Vec<_> = steps.iter().map(f64::to_string).collect();
            let what = format!("hears progress: {} of 10", steps.join(", "));
            self.stage.expect(well, listener.name, &what)?;
        }
        Ok(())
    }

    fn work_is_cancelled(&mut self) -> anyhow::Result<()> {
        self.stage.act("modern asks to wait for a minute, and thinks better of it")?;
        let params = json!({ "name": "wait", "arguments": { "seconds": 60 } });
        let id = self.modern.ask("tools/call", params)?;
        self.modern.call("tools/list", json!({}))?;
        self.stage.expect(true, "modern", "is answered other requests meanwhile")?;
        self.modern.tell("notifications/cancelled", json!({ "requestId": id }))?;
        self.modern.call("tools/list", json!({}))?;
        self.cancelled = Some(id);
        let what = "hears nothing more of it (this is looked at again at the end)";
        self.stage.expect(!self.modern.has_answer(id), "modern", what)?;
        Ok(())
    }

    fn a_file_breaks(&mut self) -> anyhow::Result<()> {
        self.stage
            .act(&format!("{PLAN} becomes a link to itself: nobody can read it, root neither"))?;
        let marks = [self.modern.mark(), self.open.mark()];
        let path = self.folder.join(PLAN);
        let plan = uri::from_path(&path);
        let broken = Instant::now();
        tie_knot(&self.folder, PLAN).context("cannot make a link")?;
        let error = fs::read(&path).err().map(|error| error.to_string());
        let what = format!("(reading it fails: {})", error.as_deref().unwrap_or("but it does not"));
        self.stage.expect(error.is_some(), "", &what)?;
        let kind = "resources/list_changed";
        hears(&mut self.stage, &mut self.modern, kind, broken, |heard| heard.kind() == kind)?;
        hears(&mut self.stage, &mut self.open, "resources/updated", broken, is_update(&plan))?;
        hears(&mut self.stage, &mut self.legacy, "message", broken, is_alert(&plan))?;
        self.fence()?;
        for (listener, mark, why) in [
            (&self.modern, marks[0], "in its revision they come with requests only"),
            (&self.open, marks[1], "it is none of its types"),
        ] {
            let silent = !listener.heard[mark..].iter().any(|heard| heard.kind() == "message");
            self.stage.expect(silent, listener.name, &format!("hears no alert: {why}"))?;
        }
        Ok(())
    }

    fn the_work_meets_the_broken_file(&mut self) -> anyhow::Result<()> {
        self.stage.act(&format!("modern asks for the checksum of {PLAN}, with a log level"))?;
        let plan = uri::from_path(&self.folder.join(PLAN));
        let level = json!({ "io.modelcontextprotocol/logLevel": "warning" });
        let asked = Instant::now();
        let result = self.modern.call("tools/call", checksum(PLAN, "broken", &level))?;
        // The answer is there, so what belongs to the request has come before it.
        hears(&mut self.stage, &mut self.modern, "message", asked, is_alert(&plan))?;
        self.stage.expect(
            result["isError"] == true,
            "modern",
            "is told that the checksum failed",
        )?;
        Ok(())
    }

    /// Everything that was heard, looked at as a whole.
    fn nothing_else_was_heard(&mut self) -> anyhow::Result<()> {
        self.stage.act("All that was heard, looked through once more")?;
        let only = |listener: &Listener, kinds: &[&str]| {
            listener.heard.iter().all(|heard| kinds.contains(&heard.kind()))
        };
        let notes = uri::from_path(&self.folder.join(NOTES));
        let updates = |listener: &Listener, uri: &str| {
            listener.heard.iter().filter(|heard| is_update(uri)(heard)).count()
        };
        let written = self.notes_written;
        let of_notes_only = |listener: &Listener| {
            let all = listener.heard.iter().filter(|heard| heard.kind() == "resources/updated");
            all.count() == written && updates(listener, &notes) == written
        };
        let (stage, legacy, modern, open) =
            (&mut self.stage, &self.legacy, &self.modern, &self.open);

        let kinds = ["resources/updated", "resources/list_changed", "progress", "message"];
        let well = only(legacy, &kinds) && of_notes_only(legacy);
        let what = format!("heard of each of the {written} writes of {NOTES} once, of no other");
        stage.expect(well, "legacy", &what)?;
        let untagged = legacy.heard.iter().all(|heard| heard.subscription().is_none());
        stage.expect(untagged, "legacy", "heard nothing tagged with a subscription")?;

        let kinds = [&kinds[..], &["subscriptions/acknowledged"]].concat();
        let well = only(modern, &kinds) && of_notes_only(modern);
        stage.expect(well, "modern", &what)?;
        let tag = json!(self.listen);
        let tagged = modern.heard.iter().all(|heard| match heard.kind() {
            "progress" | "message" => heard.subscription().is_none(),
            _ => heard.subscription() == Some(&tag),
        });
        let what = "heard every change tagged with its listen, and nothing else tagged";
        stage.expect(tagged, "modern", what)?;

        let well =
            only(open, &["resources/updated", "progress"]) && updates(open, &notes) == written;
        let what = "heard of each of these writes once too, and its two types only";
        stage.expect(well, "open", what)?;
        for listener in [legacy, modern, open] {
            let clean = listener.violations.is_empty();
            let what = format!("was sent nothing malformed {}", listener.violations.join("; "));
            stage.expect(clean, listener.name, what.trim_end())?;
        }
        Ok(())
    }

    fn goodbye(mut self, start: Instant) -> anyhow::Result<ExitCode> {
        self.stage
            .act("Goodbye: modern's server gets a SIGTERM, legacy's sees its stdin closed")?;
        let heard = self.modern.heard.len();
        self.modern.stop_server()?;
        let last = self.modern.answer(self.listen);
        let complete = last.is_ok_and(|result| result["resultType"] == "complete");
        self.stage.expect(complete, "modern", "is told that its listen is complete")?;
        let silent = self.modern.heard.len() == heard;
        self.stage.expect(silent, "modern", "heard nothing else before")?;
        let answered = self.cancelled.is_some_and(|id| self.modern.has_answer(id));
        self.stage.expect(!answered, "modern", "never got an answer to what it cancelled")?;
        for listener in [self.modern, self.legacy] {
            let name = listener.name;
            let status = listener.finish()?.context("there is no process")?;
            let what = format!("sees its server's process end ({status})");
            self.stage.expect(status.success(), name, &what)?;
        }
        self.open.finish()?;
        let all = self.stage.curtain(start.elapsed())?;
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Writes a file; returns its URI, and when it was begun. The new content takes the place of
    /// the old in one step, so it is one change, and must be heard once.
    fn write(&mut self, name: &str, content: &str) -> anyhow::Result<(String, Instant)> {
        let (path, beside) = (self.folder.join(name), self.folder.join(BESIDE));
        let begun = Instant::now();
        fs::write(&beside, content).with_context(|| format!("cannot write {name}"))?;
        fs::rename(&beside, &path).with_context(|| format!("cannot replace {name}"))?;
        self.notes_written += usize::from(name == NOTES);
        Ok((uri::from_path(&path), begun))
    }

    /// Writes the file that all hear of, and waits until all have: whatever was raised before has
    /// reached them then, or never will.
    fn fence(&mut self) -> anyhow::Result<()> {
        let (notes, _) = self.write(NOTES, "once more\n")?;
        let mut all = true;
        for listener in [&mut self.legacy, &mut self.modern, &mut self.open] {
            all &= listener.wait_for(is_update(&notes))?.is_some();
        }
        let what = format!("({NOTES} is written again, and all hear it)");
        Ok(self.stage.expect(all, "", &what)?)
    }
}

/// A hidden name, of which nothing is told.
const BESIDE: &str = ".beside";

/// Puts a link that leads to itself in place of a file.
#[cfg(unix)]
fn tie_knot(folder: &Path, name: &str) -> std::io::Result<()> {
    let beside = folder.join(BESIDE);
    std::os::unix::fs::symlink(name, &beside)?;
    fs::rename(beside, folder.join(name))
}

/// Puts a link that leads nowhere in place of a file.
#[cfg(windows)]
fn tie_knot(folder: &Path, name: &str) -> std::io::Result<()> {
    fs::remove_file(folder.join(name))?;
    std::os::windows::fs::symlink_file(name, folder.join(name))
}

/// Waits until somebody hears what it must hear, and shows it.
fn hears(
    stage: &mut Stage,
    listener: &mut Listener,
    kind: &str,
    since: Instant,
    wanted: impl Fn(&Notification) -> bool,
) -> anyhow::Result<()> {
    let heard = listener.wait_for(wanted)?;
    stage.heard(listener.name, kind, heard.as_ref(), since.elapsed())?;
    Ok(())
}

/// The progress of one token.
fn progress(heard: &[Notification], token: &Value) -> Vec<f64> {
    heard
        .iter()
        .filter(|heard| heard.kind() == "progress" && heard.params["progressToken"] == *token)
        .filter_map(|heard| heard.params["progress"].as_f64())
        .collect()
}

fn is_update(uri: &str) -> impl Fn(&Notification) -> bool {
    move |heard| heard.kind() == "resources/updated" && heard.params["uri"] == uri
}

fn is_alert(uri: &str) -> impl Fn(&Notification) -> bool {
    move |heard| {
        heard.kind() == "message"
            && heard.params["level"] == "error"
            && heard.params["data"]["uri"] == uri
    }
}
