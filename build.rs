//! Placeholder until the header is generated.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
