//! rust-embed watches the files it has taken in; this watches the folder, for files that come and go.

#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=../target/site");
}
