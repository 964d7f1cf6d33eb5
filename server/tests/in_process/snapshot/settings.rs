//! Every setting, with valid and invalid values.

use crate::support::common::compare;
use server::settings::{SETTINGS, Settings};
use std::collections::BTreeMap;
use std::fmt::Write;

#[test]
fn every_setting_takes_and_refuses_what_it_did() {
    let mut text = String::new();
    for setting in SETTINGS {
        let variable = setting.variable();
        let _ = writeln!(text, "{variable}, default {:?}", setting.default);
        for value in [
            "",
            "0",
            "1",
            "-1",
            "10",
            "3600",
            "18446744073709551616",
            "true",
            "none",
            "text",
            "second",
            "x y",
            "127.0.0.1:1",
            "https://a.example",
            " ",
            "\"true\"",
            "True",
            "yes",
            "5s",
            "JSON",
            "warning",
            "~/keystead",
        ] {
            let environment = BTreeMap::from([(variable.clone(), value.to_owned())]);
            let said = match Settings::from_maps(environment, BTreeMap::new()) {
                Ok(_) => "taken".to_owned(),
                Err(stop) => stop.to_string(),
            };
            let _ = writeln!(text, "    {value:?}: {said}");
        }
    }
    compare("settings", &text);
}
