//! Brotli, at its slowest and best: files are compressed once here instead of on every request.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::files::Files;

/// File types to compress. Fonts (woff2) and pictures are compressed by nature.
const COMPRESSIBLE: [&str; 8] = ["css", "html", "ico", "js", "json", "svg", "txt", "wasm"];

/// Adds a `.br` beside every file that shrinks.
pub fn with_compressed(files: Files) -> Files {
    let compressed: Files = files
        .iter()
        .filter(|(name, _)| is_compressible(name))
        .map(|(name, bytes)| (beside(name), brotli(bytes)))
        .filter(|(name, bytes)| bytes.len() < files[&name.with_extension("")].len())
        .collect();
    files.into_iter().chain(compressed).collect()
}

fn is_compressible(name: &Path) -> bool {
    name.extension().and_then(|extension| extension.to_str()).is_some_and(|it| COMPRESSIBLE.contains(&it))
}

fn beside(name: &Path) -> PathBuf {
    let mut name = OsString::from(name);
    name.push(".br");
    name.into()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    const BUFFER: usize = 64 * 1024;
    const QUALITY: u32 = 11;
    const WINDOW: u32 = 22;
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), BUFFER, QUALITY, WINDOW);
    encoder.write_all(bytes).expect("memory takes every byte");
    encoder.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_sheet_gets_a_smaller_twin_that_decompresses_to_itself() {
        let sheet = "a { color: red }\n".repeat(100).into_bytes();
        let files = with_compressed(Files::from([("k.css".into(), sheet.clone())]));
        let twin = &files[Path::new("k.css.br")];
        let mut back = Vec::new();
        brotli::BrotliDecompress(&mut twin.as_slice(), &mut back).unwrap();
        assert!(twin.len() < sheet.len() / 10);
        assert_eq!(back, sheet);
    }

    #[test]
    fn fonts_and_files_that_would_grow_get_no_twin() {
        let files = Files::from([("text.woff2".into(), vec![0; 500]), ("tiny.txt".into(), b"x".to_vec())]);
        assert_eq!(with_compressed(files.clone()), files);
    }
}
