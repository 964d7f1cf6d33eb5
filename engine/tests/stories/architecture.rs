//! Rules of the code base that the compiler does not check.

mod house;

use house::sources;
use std::fs;
use std::path::Path;

/// Reasons to commit without an event in the audit log, each used at one place. A new reason must
/// be justified here first.
const UNAUDITED: [&str; 42] = [
    "a backup is restored; its event follows under the schema of this release",
    "a code is spent before what it confirms",
    "a code of the future is spent before it is named",
    "a lost revision was found again",
    "a new API key was seen",
    "a prepared change changes nothing yet",
    "a probe changes nothing by itself",
    "a request with a code is at work",
    "a right try is given back",
    "a row that cannot be read was found again",
    "a run of the journal begins",
    "a run of the journal ends",
    "a segment of the journal is stored",
    "a server that stopped holds nothing",
    "a setup session is opened",
    "a setup token is issued at start",
    "a status message is shown once",
    "a status message waits for its page",
    "a tenant secret is made when it is first asked for; the request is in the journal",
    "a test looks how it goes",
    "a try is counted before it is compared",
    "a wrong try of a stranger is counted",
    "an answer is kept for ten seconds",
    "failures are cleared by a success",
    "recovery codes were seen",
    "secrets of a refused form are kept sealed",
    "servers that have gone",
    "session heartbeat",
    "sessions and counters of the future end; the event follows",
    "sessions that are over are swept",
    "sums of long ago become one",
    "sums of use; each use is in the journal",
    "the event is the change itself",
    "the fingerprint of a key is no change of it",
    "the first administrator's account is kept until it is proved",
    "the last use of an API key; each use is in the journal",
    "the password was right; the event is the whole sign-in",
    "the same password under the parameters of today",
    "the same state heard again",
    "the time by which API keys expire",
    "times of leases, for people to see; they decide nothing",
    "times of the future are corrected; the event follows with the last part",
];

/// Returns the files that contain a word.
fn naming(word: &str) -> Vec<String> {
    sources("engine").into_iter().filter(|(_, text)| text.contains(word)).map(|(name, _)| name).collect()
}

#[test]
fn what_is_committed_without_an_event_is_what_is_listed() {
    let mut reasons = Vec::new();
    for text in sources("engine").values() {
        for call in text.split("commit_unaudited(").skip(1).filter(|call| !call.starts_with("self")) {
            let reason = call.trim_start().strip_prefix('"').expect("the reason stands in the call itself");
            reasons.push(reason.split('"').next().unwrap_or_default().to_owned());
        }
    }
    reasons.sort();
    assert_eq!(reasons, UNAUDITED);
}

#[test]
fn only_five_places_make_a_proof() {
    assert_eq!(naming("Authorised::on_host("), ["data/tenant_secrets.rs", "services/api_keys.rs"]);
    assert_eq!(naming("Authorised::confirmed("), ["changes/prepare.rs"]);
    assert_eq!(naming("Authorised::scheduled("), ["keys/scheduler.rs"]);
    assert_eq!(naming("Authorised {"), ["changes/authority.rs"]);
}

#[test]
fn every_key_version_is_inserted_in_one_place() {
    assert_eq!(naming(".insert_versions("), ["keys/rows.rs"]);
    assert_eq!(naming("INSERT INTO key_version"), ["store/keys.rs"]);
}

#[test]
fn migrations_of_both_databases_have_the_same_names() {
    let names = |kind: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(kind);
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

/// PostgreSQL refuses a text with NUL. `With` takes no text that may have one; the library's own methods take every text.
#[test]
fn a_statement_gets_its_values_in_one_way() {
    let binds = [".bind(", ".push_bind"];
    let of_store = sources("engine").into_iter().filter(|(file, _)| file.starts_with("store/"));
    let binding = of_store.filter(|(_, text)| binds.iter().any(|bind| text.contains(bind)));
    assert_eq!(binding.map(|(file, _)| file).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(naming("self.$bind(value)"), ["store/text.rs"]);
    assert_eq!(naming("impl Value for "), ["store/text.rs"]);
    assert_eq!(naming("impl<T: Value> Value for "), ["store/text.rs"]);
}

/// `str::trim` leaves zero-width characters and byte order marks around a typed text. `domain::base::typed` takes off whatever nobody
/// sees. Texts of protocols have ASCII's white space alone (`trim_ascii`).
#[test]
fn typed_texts_are_trimmed_in_one_way() {
    let trims =
        [".trim()", ".trim_start()", ".trim_end()", "str::trim)", "str::trim_start)", "str::trim_end)"];
    for floor in ["domain", "engine", "app", "server"] {
        let of_floor = sources(floor).into_iter().filter(|(file, _)| !file.starts_with("api/"));
        let trimming = of_floor.filter(|(_, text)| trims.iter().any(|trim| text.contains(trim)));
        assert_eq!(trimming.map(|(file, _)| file).collect::<Vec<_>>(), [""; 0], "{floor}");
    }
}
