//! WCAG AA: 4.5 : 1 for text, 3 : 1 for the outlines of controls, in both themes.

use std::collections::HashMap;

type Theme = HashMap<String, [f64; 3]>;

/// The colours of one `@mixin` of the tokens.
fn theme(name: &str) -> Theme {
    let tokens = include_str!("../../style/tokens.scss");
    let start = tokens.find(&format!("@mixin {name} {{")).expect("the theme");
    let body = tokens[start..].split('}').next().expect("its end");
    let line = |line: &str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let hex = u32::from_str_radix(value.trim_end_matches(';'), 16).ok()?;
        Some((name.to_owned(), [16, 8, 0].map(|shift| f64::from(hex >> shift & 0xff) / 255.0)))
    };
    body.lines().filter_map(line).collect()
}

fn luminance(colour: [f64; 3]) -> f64 {
    let [r, g, b] = colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_and_controls_stand_out_from_what_they_lie_on() {
    let surfaces = ["page", "surface", "sunken"];
    let mut pairs: Vec<(&str, &str, f64)> = vec![
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-hover", 4.5),
        ("on-bad", "bad", 4.5),
        ("on-bad", "bad-hover", 4.5),
        ("accent", "accent-tint", 4.5),
        ("text-soft", "accent-tint", 4.5),
        ("ok", "ok-tint", 4.5),
        ("warn", "warn-tint", 4.5),
        ("bad", "bad-tint", 4.5),
        ("quiet", "quiet-tint", 4.5),
        ("control", "page", 3.0),
        ("control", "surface", 3.0),
    ];
    for surface in surfaces {
        let texts = ["text", "text-soft", "accent", "accent-hover", "ok", "warn", "bad", "quiet"];
        pairs.extend(texts.map(|text| (text, surface, 4.5)));
    }
    pairs.extend(
        ["ok-tint", "warn-tint", "bad-tint", "quiet-tint", "accent-tint"].map(|tint| ("text", tint, 4.5)),
    );
    for name in ["light", "dark"] {
        let theme = theme(name);
        for (front, back, least) in &pairs {
            let found = contrast(theme[*front], theme[*back]);
            assert!(found >= *least, "{name}: {front} on {back} has {found:.2}, needs {least}");
        }
    }
}
