//! The examples build, run, and print what each client has to hear; those in C also under
//! valgrind, and those in C++ in both standards, by two compilers, and with sanitizers besides.
#![cfg(target_os = "linux")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::{
    CPP_WARNINGS, SANITIZERS, Under, Workshop, lacks, lacks_library, root, run_rust_example,
    succeed,
};

const SUBSCRIBED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
const UPDATED: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"doc://7"}}"#;
const ALERT: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"alert","logger":"disk","data":{"disk":"nearly full"}}}"#;
const LISTENING: &str = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"listen"},"notifications":{"resourceSubscriptions":["doc://7"]}}}"#;
const UPDATED_FOR_LISTEN: &str = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"listen"},"uri":"doc://7"}}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}"#;
const LISTEN_OVER: &str = r#"{"jsonrpc":"2.0","id":"listen","result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":"listen"}}}"#;

fn progress(step: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":"job","progress":{step},"total":2}}}}"#
    )
}

/// What one client printed, line by line.
fn heard<'a>(output: &'a str, client: &str) -> Vec<&'a str> {
    let prefix = format!("{client} <- ");
    output.lines().filter_map(|line| line.strip_prefix(&prefix)).collect()
}

/// The scene of examples/c/scene.h, where everything was drained as it came.
fn assert_scene(output: &str) {
    assert_eq!(heard(output, "legacy"), [SUBSCRIBED, UPDATED, ALERT], "{output}");
    let (one, two) = (progress(1), progress(2));
    let modern = [LISTENING, UPDATED_FOR_LISTEN, &one, &two, ALERT, RESULT, LISTEN_OVER];
    assert_eq!(heard(output, "modern"), modern, "{output}");
}

/// Runs a C example as it is and under valgrind, and gives what it printed to `check`.
fn c(name: &str, check: impl Fn(&str)) {
    let workshop = Workshop::new();
    let source = root().join("examples/c").join(name).with_extension("c");
    let program = workshop.compile(&source, "c11", &["-D_POSIX_C_SOURCE=200809L"]);
    for under in [Under::Nothing, Under::Valgrind] {
        check(&workshop.run(&program, under));
    }
}

/// What an example prints stands beside it, since the documentation shows it too. FANFARE_BLESS=1
/// writes it anew.
fn assert_prints_what_stands_beside(source: &str, output: &str) {
    let path = root().join("examples").join(source).with_extension("out");
    if std::env::var_os("FANFARE_BLESS").is_some() {
        std::fs::write(&path, output).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(output, expected, "{source} prints something else than {}", path.display());
}

#[test]
fn c_first() {
    c("first", |output| assert_prints_what_stands_beside("c/first.c", output));
}

#[test]
fn c_wait() {
    c("wait", |output| assert_eq!(heard(output, "client"), [SUBSCRIBED, UPDATED], "{output}"));
}

#[test]
fn c_lag() {
    c("lag", |output| assert_prints_what_stands_beside("c/lag.c", output));
}

/// A client speaks to it over pipes, and hangs up.
#[test]
fn c_stdio() {
    let said = [
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"doc://7"}}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"index"}}"#,
    ]
    .join("\n")
        + "\n";
    let workshop = Workshop::new();
    let source = root().join("examples/c/stdio.c");
    let program = workshop.compile(&source, "c11", &["-D_POSIX_C_SOURCE=200809L"]);
    for under in [Under::Nothing, Under::Valgrind] {
        let output = workshop.run_with(&program, under, &said);
        let lines: Vec<_> = output.lines().collect();
        assert!(
            lines[0].contains(r#""protocolVersion":"2025-06-18""#) && lines[0].contains("notes")
        );
        // The answer may overtake the update, which belongs to no request.
        let mut rest = lines[1..].to_vec();
        rest.sort_unstable();
        let answer = r#"{"jsonrpc":"2.0","id":2,"result":{"content":[]}}"#;
        assert_eq!(rest, [SUBSCRIBED, answer, UPDATED], "{output}");
    }
}

#[test]
fn c_poll() {
    c("poll", |output| {
        assert!(output.starts_with("the server has work to do\n"), "{output}");
        assert_scene(output);
    });
}

#[test]
fn c_dispatch() {
    c("dispatch", |output| {
        assert_scene(output);
        let place = |line: &str| output.find(line).unwrap_or_else(|| panic!("{line}\n{output}"));
        // The full client held up nobody, lost nothing, and its context went with it.
        assert!(place("legacy is full") < place("modern <- {\"jsonrpc\":\"2.0\",\"id\":2"));
        assert!(place(RESULT) < output.rfind("is gone").unwrap());
        for client in ["legacy", "modern"] {
            let gone = format!("{client} is gone\n");
            assert_eq!(output.matches(&gone).count(), 1, "{output}");
            let last = output.rfind(&format!("{client} <- ")).unwrap();
            assert!(last < place(&gone), "{output}");
        }
        assert_eq!(output.matches("is full").count(), 1, "refused once, not asked again: {output}");
    });
}

#[test]
fn c_threads() {
    c("threads", |output| {
        assert_eq!(heard(output, "legacy"), [SUBSCRIBED, UPDATED, ALERT], "{output}");
        // The first progress may have merged with the second before a thread came to it, and the
        // result, with all that is its own, may have overtaken the update, which is not.
        let (one, two) = (progress(1), progress(2));
        let mut modern = heard(output, "modern");
        assert_eq!(modern.first(), Some(&LISTENING), "{output}");
        assert_eq!(modern.last(), Some(&LISTEN_OVER), "{output}");
        assert!(modern.contains(&UPDATED_FOR_LISTEN), "{output}");
        modern.retain(|line| *line != one && *line != UPDATED_FOR_LISTEN);
        assert_eq!(modern, [LISTENING, &two, ALERT, RESULT, LISTEN_OVER], "{output}");
    });
}

/// Runs a C++ example in every way, and gives what it printed to `check`.
fn cpp(name: &str, check: impl Fn(&str)) {
    if lacks("g++") {
        return;
    }
    let workshop = Workshop::new();
    let source = root().join("examples/cpp").join(name).with_extension("cpp");
    let run = |compiler, standard, flags: &[&str], under: &[Under]| {
        let flags = [&CPP_WARNINGS[..], flags].concat();
        let program = workshop.compile_with(compiler, &source, standard, &flags);
        under.iter().for_each(|under| check(&workshop.run(&program, *under)));
    };
    run("g++", "c++17", &[], &[Under::Nothing, Under::Valgrind]);
    run("g++", "c++20", &[], &[Under::Nothing]);
    run("g++", "c++17", &SANITIZERS, &[Under::Nothing]);
    if !lacks("clang++") {
        run("clang++", "c++17", &[], &[Under::Nothing]);
        run("clang++", "c++20", &[], &[Under::Nothing]);
    }
}

#[test]
fn cpp_raii() {
    cpp("raii", |output| {
        let (one, two) = (progress(1), progress(2));
        let answer = r#"{"jsonrpc":"2.0","id":2,"result":{"content":[]}}"#;
        // Here the alert belongs to no request, so the result may go before it.
        let legacy = [SUBSCRIBED, UPDATED, &one, &two, answer, ALERT];
        assert_eq!(heard(output, "legacy"), legacy, "{output}");
        assert_eq!(heard(output, "modern"), [LISTENING, UPDATED_FOR_LISTEN], "{output}");
        assert!(output.contains("refused: FANFARE_E_GONE: the session is gone"), "{output}");
    });
}

#[test]
fn cpp_poll() {
    cpp("poll", assert_nobody_waits);
}

#[test]
fn cpp_asio() {
    if !lacks_library("asio") {
        cpp("asio", assert_nobody_waits);
    }
}

/// The play of examples/cpp/scene.hpp: the stalled client reads once the others have heard all.
fn assert_nobody_waits(output: &str) {
    const STEPS: u32 = 24;
    /// How many warnings are kept for who does not read.
    const UNREAD: u32 = 8;
    let warning = |step: u32| {
        let data = if step == 1 { format!("{:?}", "x".repeat(16384)) } else { step.to_string() };
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"warning","logger":"disk","data":{data}}}}}"#
        )
    };
    let progress = |step: u32| progress(step).replace("\"total\":2", "\"total\":24");

    let steps = (1..=STEPS).flat_map(|step| [UPDATED.to_owned(), warning(step)]);
    let legacy: Vec<_> = [SUBSCRIBED.to_owned()].into_iter().chain(steps).collect();
    assert_eq!(heard(output, "legacy"), legacy, "{output}");

    let steps = (1..=STEPS).flat_map(|step| [UPDATED_FOR_LISTEN.to_owned(), progress(step)]);
    let end = [RESULT, LISTEN_OVER].map(str::to_owned);
    let modern: Vec<_> = [LISTENING.to_owned()].into_iter().chain(steps).chain(end).collect();
    assert_eq!(heard(output, "modern"), modern, "{output}");

    // What its socket took, one update of all that it missed, and the warnings that were kept.
    let mut stalled = heard(output, "stalled").into_iter();
    assert_eq!(stalled.next(), Some(SUBSCRIBED), "{output}");
    let taken = stalled.len() - UNREAD as usize;
    let kept: Vec<_> = stalled.clone().skip(taken).collect();
    assert_eq!(kept, Vec::from_iter((STEPS - UNREAD + 1..=STEPS).map(warning)), "{output}");
    let taken: Vec<_> = stalled.take(taken).collect();
    assert_eq!(taken.last(), Some(&UPDATED), "{output}");
    assert_eq!(taken[..], legacy[1..=taken.len()], "{output}");
    assert!(taken.len() < 2 * (STEPS - UNREAD) as usize, "nothing was left out: {output}");
}

#[test]
fn cpp_first() {
    cpp_prints("first", &[]);
}

#[test]
fn cpp_results() {
    cpp_prints("results", &["-fno-exceptions"]);
}

/// Runs a C++ example as it is and under valgrind: it prints what stands beside it.
fn cpp_prints(name: &str, flags: &[&str]) {
    if lacks("g++") {
        return;
    }
    let workshop = Workshop::new();
    let source = root().join("examples/cpp").join(name).with_extension("cpp");
    let program = workshop.compile(&source, "c++17", flags);
    for under in [Under::Nothing, Under::Valgrind] {
        let output = workshop.run(&program, under);
        assert_prints_what_stands_beside(&format!("cpp/{name}.cpp"), &output);
    }
}

#[test]
fn python_asyncio() {
    if lacks("python3") {
        return;
    }
    let workshop = Workshop::new();
    let output = succeed(
        Command::new("python3")
            .args(["-X", "dev"])
            .arg(root().join("examples/python/asyncio_server.py"))
            .env("FANFARE_LIBRARY", workshop.library()),
    );
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaints.is_empty(), "python has something to say:\n{complaints}");
    // What the server itself sends is spaced in Python's way.
    let output =
        String::from_utf8(output.stdout).unwrap().replace("\": ", "\":").replace(", \"", ",\"");

    let legacy = heard(&output, "legacy");
    assert!(
        legacy[0]
            .starts_with(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18""#)
    );
    let subscribed = SUBSCRIBED.replace("\"id\":1", "\"id\":2");
    assert_eq!(legacy[1..], [&subscribed, ALERT, UPDATED], "{output}");

    let is_step = |line: &str| line.contains("notifications/progress");
    let modern = heard(&output, "modern");
    let last_step = modern.iter().rposition(|line| is_step(line)).expect("progress is heard");
    assert!(modern[last_step].contains(r#""progress":3,"total":3"#), "{output}");
    let result = RESULT.replace("\"id\":2", "\"id\":1");
    assert!(modern.iter().position(|line| *line == result) > Some(last_step), "{output}");
    let mut rest: Vec<_> = modern.iter().filter(|line| !is_step(line)).copied().collect();
    // The result overtakes what is not its own; by how much, is the loop's matter.
    rest.retain(|line| *line != result);
    assert_eq!(rest, [LISTENING, ALERT, UPDATED_FOR_LISTEN, LISTEN_OVER], "{output}");
}

#[test]
fn rust_embedded() {
    let output = run_rust_example("embedded");
    assert_scene(&output);
    let (one, two) = (progress(1), progress(2));
    assert_eq!(heard(&output, "inside"), [UPDATED, &one, &two], "{output}");
}

#[test]
fn rust_first() {
    assert_prints_what_stands_beside("rust/first.rs", &run_rust_example("first"));
}

#[test]
fn rust_wait() {
    assert_prints_what_stands_beside("rust/wait.rs", &run_rust_example("wait"));
}

#[test]
fn rust_async_wake() {
    assert_prints_what_stands_beside("rust/async_wake.rs", &run_rust_example("async_wake"));
}

/// Those that python/tests run, with the package that they use installed.
const WITH_THE_PACKAGE: &[&str] =
    &["fastmcp_server", "first", "lag", "mcp_server", "package_server", "wait"];

/// Those that tests/python connects clients of the official SDK with.
const WITH_THE_SDK: &[&str] = &["http_server"];

/// Those that tests/install builds, where the library has been installed.
const WHERE_INSTALLED: &[&str] = &["CMakeLists"];

/// An example that no test runs would be a promise that nobody checks.
#[test]
fn every_example_is_run() {
    let this = include_str!("examples.rs");
    let mut unchecked = Vec::new();
    for language in std::fs::read_dir(root().join("examples")).unwrap() {
        let language = language.unwrap().path();
        // tests/cookbook.rs runs all that is there.
        if language.ends_with("cookbook") {
            continue;
        }
        for file in std::fs::read_dir(&language).unwrap() {
            let file: PathBuf = file.unwrap().path();
            let (Some(stem), Some(ext)) = (file.file_stem(), file.extension()) else { continue };
            let (stem, ext) = (stem.to_str().unwrap(), ext.to_str().unwrap());
            let is_run = match ext {
                "c" => {
                    this.contains(&format!("c(\"{stem}\""))
                        || this.contains(&format!("examples/c/{stem}.c"))
                }
                // What an example prints belongs to the example.
                "out" => ["c", "cpp", "py", "rs"].iter().any(|of| file.with_extension(of).exists()),
                "h" | "hpp" | "pyc" => true,
                "txt" => WHERE_INSTALLED.contains(&stem),
                "cpp" if WITH_THE_SDK.contains(&stem) => true,
                "cpp" => this.contains(&format!("cpp_{stem}()")),
                "rs" => this.contains(&format!("run_rust_example(\"{stem}\")")),
                "py" if WITH_THE_PACKAGE.contains(&stem) => true,
                _ => this.contains(stem),
            };
            if !is_run {
                unchecked.push(file);
            }
        }
    }
    assert!(unchecked.is_empty(), "{unchecked:?}");
}
