//! Builds programs of other languages against the library under test, and runs them.

// Each test program uses its own part of this.
#![allow(dead_code)]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The root of the package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What every C and C++ file of this repository has to pass.
pub(crate) const WARNINGS: [&str; 5] =
    ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];

/// What C++ has to pass besides: stricter than for programs of the tests, since it is compiled into,
/// or copied to, those of others.
pub(crate) const CPP_WARNINGS: [&str; 3] = ["-Wconversion", "-Wshadow", "-Wnon-virtual-dtor"];
pub(crate) const SANITIZERS: [&str; 2] =
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// How a compiled program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Under {
    /// As it is.
    Nothing,
    /// In valgrind, where an error or a leak fails it.
    Valgrind,
}

/// A folder with the library as it is installed: under its own name and under its soname.
pub(crate) struct Workshop {
    dir: TempDir,
    built: Cell<u32>,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let library = library();
        for name in ["libfanfare.so", &soname()] {
            std::os::unix::fs::symlink(&library, dir.path().join(name)).expect("a link");
        }
        Self { dir, built: Cell::new(0) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The shared library, as a program that loads it by path would.
    pub(crate) fn library(&self) -> PathBuf {
        self.path().join("libfanfare.so")
    }

    /// Compiles one file into a program. `flags` come after the warnings, which are errors.
    pub(crate) fn compile(&self, source: &Path, standard: &str, flags: &[&str]) -> PathBuf {
        let compiler = if standard.starts_with("c++") { "g++" } else { "gcc" };
        self.compile_with(compiler, source, standard, flags)
    }

    /// Compiles one C file into an object, to be given to `compile` among the flags.
    pub(crate) fn object(&self, source: &Path) -> PathBuf {
        let object = self.path().join("object.o");
        let mut command = Command::new("gcc");
        command.arg("-std=c11").args(WARNINGS).args(["-g", "-I"]).arg(root().join("include"));
        succeed(command.arg("-c").arg("-o").arg(&object).arg(source));
        object
    }

    pub(crate) fn compile_with(
        &self,
        compiler: &str,
        source: &Path,
        standard: &str,
        flags: &[&str],
    ) -> PathBuf {
        let number = self.built.replace(self.built.get() + 1);
        let program = self.path().join(format!("program-{number}"));
        let mut command = Command::new(compiler);
        command
            .arg(format!("-std={standard}"))
            .args(WARNINGS)
            .args(["-g", "-I"])
            .arg(root().join("include"))
            .args(flags)
            .arg("-o")
            .arg(&program)
            .arg(source)
            .arg("-L")
            .arg(self.path())
            .args(["-lfanfare", "-pthread"])
            .arg(format!("-Wl,-rpath,{}", self.path().display()));
        succeed(&mut command);
        program
    }

    /// Runs a program, which has to succeed, and returns what it printed.
    pub(crate) fn run(&self, program: &Path, under: Under) -> String {
        self.run_as(program, &[], under, "")
    }

    /// The same, with arguments.
    pub(crate) fn run_args(&self, program: &Path, args: &[&str], under: Under) -> String {
        self.run_as(program, args, under, "")
    }

    /// The same, with what it reads from its standard input.
    pub(crate) fn run_with(&self, program: &Path, under: Under, input: &str) -> String {
        self.run_as(program, &[], under, input)
    }

    fn run_as(&self, program: &Path, args: &[&str], under: Under, input: &str) -> String {
        let mut command = match under {
            Under::Nothing => Command::new(program),
            Under::Valgrind if lacks("valgrind") => Command::new(program),
            Under::Valgrind => {
                let mut command = Command::new("valgrind");
                // Threads take turns: one that waits for another's flag must not starve it.
                command.arg("--fair-sched=yes");
                command
                    .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
                    .args(["--show-leak-kinds=definite,indirect,possible"])
                    .args(["--errors-for-leak-kinds=definite,indirect,possible"])
                    .arg(program);
                command
            }
        };
        let file = self.path().join("input");
        std::fs::write(&file, input).expect("the folder is ours");
        command.stdin(std::fs::File::open(&file).expect("it was just written"));
        let output = succeed(command.args(args));
        String::from_utf8(output.stdout).expect("the programs print UTF-8")
    }
}

/// What an example in Rust prints, which has to succeed. It is built as this test was.
pub(crate) fn run_rust_example(name: &str) -> String {
    let test = std::env::current_exe().expect("a test knows where it is");
    // target/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).expect("it is in a target folder");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--offline", "--package", "fanfare", "--example", name]);
    cargo.arg("--manifest-path").arg(root().join("Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().expect("a target folder"));
    // The profile of this test: what cargo calls dev lies in a folder called debug.
    let folder = profile.file_name().and_then(|name| name.to_str()).expect("a profile");
    cargo.args(["--profile", if folder == "debug" { "dev" } else { folder }]);
    String::from_utf8(succeed(&mut cargo).stdout).expect("the examples print UTF-8")
}

/// The library that cargo has just built for this test, next to the test itself.
fn library() -> PathBuf {
    beside_the_test("libfanfare.so")
}

/// The static library, likewise.
pub(crate) fn static_library() -> PathBuf {
    beside_the_test("libfanfare.a")
}

fn beside_the_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    // target/<profile>/deps, wherever CARGO_TARGET_DIR has put it: cargo builds every crate type
    // of the package's library for its tests, and these two have no hash in their names.
    let path = test.parent().expect("it is in a folder").join(name);
    assert!(path.exists(), "{} is not there", path.display());
    path
}

/// The name under which programs look for the library when they start.
pub(crate) fn soname() -> String {
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    // Before 1.0 a minor version may break.
    let series = if major == "0" { format!("0.{minor}") } else { major.to_owned() };
    format!("libfanfare.so.{series}")
}

/// Whether something is left unchecked for want of that tool. scripts/missing-tools says so, where
/// whoever runs `make test` sees it; with CI=true nothing is left out, and the tool is missed.
pub(crate) fn lacks(tool: &str) -> bool {
    may_leave_out() && Command::new(tool).arg("--version").output().is_err()
}

/// The same of something that has no program, by the name that it has there.
pub(crate) fn lacks_library(name: &str) -> bool {
    let mut probe = Command::new(root().join("scripts/missing-tools"));
    may_leave_out() && !probe.args(["--only", name]).output().is_ok_and(|it| it.status.success())
}

fn may_leave_out() -> bool {
    std::env::var_os("CI").is_none_or(|value| value != "true")
}

/// Runs a command that has to succeed; what it said is in the failure.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
