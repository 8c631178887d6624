//! `fanfare bench` on small crowds: what it counts, not how fast it is.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .arg("bench")
        .args(args)
        .output()
        .expect("the program starts")
}

fn measured(scenario: &str, via: &str, sessions: u64, messages: u64) -> Value {
    let (sessions, messages) = (sessions.to_string(), messages.to_string());
    let numbers = ["--sessions", &sessions, "--messages", &messages];
    let output = bench(&[&numbers[..], &["--scenario", scenario, "--via", via, "--json"]].concat());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{scenario} via {via}: {text}");
    assert_eq!(text, "", "no bar where there is no terminal");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn every_scenario_delivers_what_is_due_in_every_way() {
    let (sessions, messages) = (30, 40);
    for (scenario, deliveries) in [
        ("fanout", sessions * messages),
        ("point", messages),
        // One in ten never reads.
        ("stalled", 27 * messages),
        // Of four messages: to all; then to open and legacy twice; then progress to the open ones.
        ("mixed", (30 + 20 + 20 + 10) * messages / 4),
    ] {
        for via in ["engine", "callback", "pull"] {
            let report = measured(scenario, via, sessions, messages);
            let what = format!("{scenario} via {via}: {report}");
            assert_eq!(report["scenario"], scenario, "{what}");
            assert_eq!(report["via"], via, "{what}");
            assert_eq!(report["deliveries"], deliveries, "{what}");
            let latency = |name: &str| report["latency_ns"][name].as_u64().expect("a number");
            let quantiles = ["p50", "p99", "p99_9", "max"].map(latency);
            assert!(quantiles[0] > 0 && quantiles.is_sorted(), "{what}");
            let rate = report["deliveries_per_second"].as_f64().unwrap();
            let each = report["ns_per_delivery"].as_f64().unwrap();
            assert!((rate * each / 1e9 - 1.0).abs() < 1e-6, "{what}");
        }
    }
}

/// A stalled session costs a bound, whatever is raised: its changes merge, its events drop.
#[test]
fn stalled_sessions_hold_no_more_after_long_than_after_short() {
    let short = measured("stalled", "engine", 20, 200);
    let long = measured("stalled", "engine", 20, 2000);
    assert!(short["dropped"].as_u64() > Some(0), "{short}");
    assert!(long["dropped"].as_u64() > short["dropped"].as_u64(), "{long}");
    assert_eq!(short["queued_frames"], long["queued_frames"], "{short} {long}");
    assert_eq!(short["queued_bytes"], long["queued_bytes"], "{short} {long}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_table_says_what_a_session_weighs() {
    let output = bench(&["--sessions", "3000", "--messages", "2", "--scenario", "fanout"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for row in ["deliveries per s", "ns per delivery", "p99.9", "bytes per session"] {
        assert!(text.contains(row), "{row:?} is not in:\n{text}");
    }
    let row = text.lines().find(|line| line.starts_with("bytes per session")).unwrap();
    let bytes: u64 = row.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((50..5000).contains(&bytes), "{row}");
}

const MEANS: [&str; 4] =
    ["fanfare", "tokio broadcast", "tokio mpsc each, Arc", "serde_json for each sink"];

/// What one of the compared took, by sessions.
fn points(series: &Value) -> Vec<(u64, f64)> {
    let points = series["points"].as_array().expect("points");
    let point = |point: &Value| {
        (point["sessions"].as_u64().unwrap(), point["ns_per_delivery"].as_f64().unwrap())
    };
    points.iter().map(point).collect()
}

#[test]
fn the_fanout_is_compared_with_each_number_of_sessions() {
    // Several numbers are enough to compare, in any order and said twice.
    let output = bench(&["--sessions", "40,20,80,20", "--messages", "3", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "no bar where there is no terminal");
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let series = report["series"].as_array().expect("series");
    let names: Vec<_> = series.iter().map(|series| series["name"].as_str().unwrap()).collect();
    assert_eq!(names, MEANS);
    for series in series {
        let points = points(series);
        assert_eq!(points.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [20, 40, 80]);
        assert!(points.iter().all(|(_, ns)| *ns > 0.0), "{report}");
    }

    let output = bench(&["--peers", "--sessions", "50", "--messages", "1"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(MEANS.iter().all(|name| table.contains(name)), "{table}");
    let row: Vec<_> = table.lines().last().unwrap().split_whitespace().collect();
    assert_eq!((row[0], row.len()), ("50", 5), "{table}");
}

/// A picture, as far as the series are concerned.
struct Picture {
    texts: Vec<String>,
    /// In each colour, the points of the one line that has as many of them.
    lines: Vec<Vec<(f64, f64)>>,
}

impl Picture {
    fn read(svg: &str) -> Self {
        let document = roxmltree::Document::parse(svg).expect("it is well-formed");
        assert!(document.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")));
        let mut picture = Self { texts: Vec::new(), lines: Vec::new() };
        let mut colours = Vec::new();
        for node in document.descendants() {
            match node.tag_name().name() {
                "text" => picture.texts.push(node.text().unwrap().trim().to_owned()),
                "circle" => {
                    let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
                    let colour = node.attribute("fill").unwrap();
                    if !colours.contains(&colour) {
                        colours.push(colour);
                        picture.lines.push(Vec::new());
                    }
                    let at = colours.iter().position(|seen| *seen == colour).unwrap();
                    picture.lines[at].push((number("cx"), number("cy")));
                }
                _ => {}
            }
        }
        for (colour, circles) in colours.iter().zip(&picture.lines) {
            let of_colour = |node: &roxmltree::Node<'_, '_>| {
                node.has_tag_name("polyline") && node.attribute("stroke") == Some(colour)
            };
            let line = document.descendants().find(of_colour).expect("a line in each colour");
            let line: Vec<_> = line.attribute("points").unwrap().split_whitespace().collect();
            let circles: Vec<_> = circles.iter().map(|(x, y)| format!("{x},{y}")).collect();
            assert_eq!(line, circles, "{colour}");
        }
        picture
    }
}

/// Whether the pixels are a linear function of the logarithms of the numbers, rounding aside.
fn is_logarithmic(numbers: &[f64], pixels: &[f64]) -> bool {
    let by = |a: &usize, b: &usize| numbers[*a].total_cmp(&numbers[*b]);
    let least = (0..numbers.len()).min_by(by).unwrap();
    let most = (0..numbers.len()).max_by(by).unwrap();
    let part = |n: f64| (n / numbers[least]).ln() / (numbers[most] / numbers[least]).ln();
    let expected = |n: f64| pixels[least] + part(n) * (pixels[most] - pixels[least]);
    numbers.iter().zip(pixels).all(|(n, pixel)| (expected(*n) - pixel).abs() <= 2.5)
        && (pixels[least] - pixels[most]).abs() > 50.0
}

#[test]
fn the_plot_shows_every_point_that_was_measured_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("curve.svg");
    // Longer than any picture: nothing of what was there may stay.
    fs::write(&file, "x".repeat(1 << 20)).unwrap();
    let plot = file.to_str().unwrap();
    let args = ["--plot", plot, "--sessions", "10,40,90", "--messages", "2", "--json"];
    let output = bench(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let measured: Vec<_> = report["series"].as_array().unwrap().iter().map(points).collect();

    let picture = Picture::read(&fs::read_to_string(&file).unwrap());
    for text in MEANS.iter().chain(&["sessions", "ns per delivery", "10", "40", "90"]) {
        assert!(picture.texts.iter().any(|shown| shown == text), "{text:?}: {:?}", picture.texts);
    }
    let lengths = picture.lines.iter().map(Vec::len);
    assert_eq!(lengths.collect::<Vec<_>>(), [3, 3, 3, 3]);
    let drawn: Vec<(f64, f64)> = picture.lines.concat();
    let numbers: Vec<(u64, f64)> = measured.concat();
    let sessions: Vec<_> = numbers.iter().map(|(n, _)| *n as f64).collect();
    let times: Vec<_> = numbers.iter().map(|(_, ns)| *ns).collect();
    let (xs, ys): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
    assert!(is_logarithmic(&sessions, &xs), "{sessions:?} {xs:?}");
    assert!(is_logarithmic(&times, &ys), "{times:?} {ys:?}");
}

#[test]
fn a_plot_that_cannot_be_written_is_an_error_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("folder.svg");
    fs::create_dir(&taken).unwrap();
    for file in [folder.path().join("none").join("curve.svg"), taken] {
        let file = file.to_str().unwrap();
        let output = bench(&["--plot", file, "--sessions", "10", "--messages", "1"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(file), "{text}");
        assert!(output.stdout.is_empty(), "it measured first");
    }
    let file = folder.path().join("curve.png");
    let output = bench(&["--plot", file.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(file.to_str().unwrap()) && text.contains(".svg"), "{text}");
    assert!(!file.exists());
}

#[test]
fn nothing_but_the_fanout_is_compared() {
    for args in [["--peers", "--scenario=point"], ["--sessions=1,2", "--via=callback"]] {
        let output = bench(&args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains("--scenario fanout --via engine"), "{args:?}: {text}");
    }
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    for (args, words) in [
        (["--sessions", "0"], "--sessions"),
        (["--sessions", "10,0"], "--sessions"),
        (["--messages", "0"], "--messages"),
        (["--scenario", "none"], "stalled"),
        (["--via", "post"], "callback"),
    ] {
        let output = bench(&args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
}
