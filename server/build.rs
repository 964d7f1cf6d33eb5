//! rust-embed watches the files it has taken in; this watches the folder, for files that come and go.

fn main() {
    println!("cargo::rerun-if-changed=../target/site");
}
