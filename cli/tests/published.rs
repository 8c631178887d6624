//! The HTTP transport needs nothing of the library but what is published: it is compiled against the
//! package that a registry would hand out, with the features that it names itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_http_module_builds_on_the_published_package() {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = cli.parent().unwrap();
    let place = tempfile::tempdir().unwrap();
    let library = unpacked_library(repository, place.path());

    let manifest = fs::read_to_string(cli.join("Cargo.toml")).unwrap();
    let workspace = fs::read_to_string(repository.join("Cargo.toml")).unwrap();
    let own = place.path().join("transport");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("Cargo.toml"), alone(&manifest, &workspace, &library)).unwrap();
    fs::copy(repository.join("Cargo.lock"), own.join("Cargo.lock")).unwrap();
    copy(&cli.join("src/lib.rs"), &own.join("src/lib.rs"));
    for module in ["http", "sse.rs"] {
        copy(&cli.join("src").join(module), &own.join("src").join(module));
    }

    // A target folder of its own, kept from run to run: what is built here must not take the place
    // of the library that other tests load.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("published");
    run(cargo()
        .args(["check", "--offline", "--lib", "--target-dir"])
        .arg(target)
        .current_dir(&own));
}

/// What `cargo publish` would send, unpacked.
fn unpacked_library(repository: &Path, place: &Path) -> PathBuf {
    let package = ["package", "-p", "fanfare", "--no-verify", "--allow-dirty", "--offline"];
    let target = place.join("target");
    run(cargo().args(package).arg("--target-dir").arg(&target).current_dir(repository));
    let mut made = fs::read_dir(target.join("package")).unwrap().map(|entry| entry.unwrap().path());
    let archive = made.find(|path| path.extension().is_some_and(|it| it == "crate"));
    let archive = archive.expect("a package was made");
    run(Command::new("tar").arg("xzf").arg(&archive).current_dir(place));
    place.join(archive.file_stem().unwrap())
}

/// The manifest of the package without its program, outside of a workspace, and with the library
/// from somewhere else.
fn alone(manifest: &str, workspace: &str, library: &Path) -> String {
    let (mut lines, mut is_left_out) = (Vec::new(), false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_left_out = ["[[bin]]", "[dev-dependencies]", "[lints]"].contains(&line);
        }
        if is_left_out {
        } else if let Some(key) = line.strip_suffix(".workspace = true") {
            let is_it = |line: &&str| line.split(" = ").next() == Some(key);
            lines.push(workspace.lines().find(is_it).expect("the workspace says it").to_owned());
        } else if line.starts_with("fanfare = ") {
            lines.push(format!("fanfare = {{ path = {library:?} }}"));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.push("[workspace]\n".to_owned());
    lines.join("\n")
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

fn cargo() -> Command {
    Command::new(env!("CARGO"))
}

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}\n{said}");
}
