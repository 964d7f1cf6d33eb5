//! Mistakes of clients at the doors: each is served, or answered with its cause in the door's own words.

use crate::support::{Answer, House, KEY, furnished};
use axum::http::{Method, StatusCode};
use domain::audit::journal::JournalQuery;
use domain::data::operation::Operation;
use serde_json::{Value, json};
use server::api::{Needs, rows};

const ENCRYPT: &str = "/api/v1/scopes/production/DE/encrypt";
const DECRYPT: &str = "/api/v1/scopes/production/DE/decrypt";
const WRAP: &str = "/api/v1/scopes/production/DE/wrap";
/// "a secret" in base64.
const PLAIN: &str = "YSBzZWNyZXQ=";
const TENANT: &str = r#"{"tenantId":"production/DE","iclFields":{"requestingId":"x"}}"#;

/// A door, with an address of it, a good body for it, and the scheme of its keys.
struct Door {
    address: &'static str,
    body: String,
    scheme: &'static str,
}

fn doors() -> [Door; 2] {
    let native = json!({"plaintext": PLAIN}).to_string();
    [
        Door { address: ENCRYPT, body: native, scheme: "ApiKey" },
        Door { address: "/api/1/document/wrap", body: TENANT.to_owned(), scheme: "cmk" },
    ]
}

impl Door {
    /// Sends the good body with these headers besides the content type.
    async fn ask(&self, house: &House, headers: &[(&'static str, &str)]) -> Answer {
        let ask = house.ask(Method::POST, self.address).without("sec-fetch-site");
        let ask = ask.header("content-type", "application/json").body(&*self.body);
        headers.iter().fold(ask, |ask, (name, value)| ask.also(name, value)).send().await
    }

    /// Sends another body, with a key.
    async fn send(&self, house: &House, body: &str) -> Answer {
        let ask = house.ask(Method::POST, self.address).without("sec-fetch-site").body(body);
        let ask = ask.header("content-type", "application/json");
        ask.header("authorization", &format!("{} {KEY}", self.scheme)).send().await
    }
}

/// Returns what an answer says to people; it must be in the words of the door of this scheme.
fn said(answer: &Answer, scheme: &str) -> String {
    let (field, kind) = match scheme {
        "cmk" => ("message", "application/json"),
        _ => ("title", "application/problem+json"),
    };
    assert_eq!(answer.header("content-type"), kind, "{}", answer.body);
    answer.json()[field].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
}

/// Sends a body to an address of the native door.
async fn native(house: &House, path: &str, body: &str) -> Answer {
    house.ask(Method::POST, path).service(KEY, &Value::Null).body(body).send().await
}

#[tokio::test]
async fn empty_parts_of_a_path_do_not_count_at_any_row() {
    let (house, _, _) = furnished().await;
    for row in rows() {
        let path = row.path.replace("{environment}", "production").replace("{country}", "DE");
        let ask = async |path: &str| {
            let scheme = if row.path.starts_with("/api/1/") { "cmk" } else { "ApiKey" };
            let body = if row.method == Method::POST { "{" } else { "" };
            let ask = house.ask(row.method.clone(), path).without("sec-fetch-site").body(body);
            let ask = ask.header("content-type", "application/json");
            ask.header("authorization", &format!("{scheme} {KEY}")).send().await
        };
        let right = ask(&path).await;
        assert_ne!(right.status, StatusCode::NOT_FOUND, "{path}");
        let spread = path.replace('/', "//");
        for other in [format!("/{path}"), format!("{path}/"), format!("//{path}//"), spread] {
            let answer = ask(&other).await;
            assert_eq!((answer.status, &answer.body), (right.status, &right.body), "{other}");
            assert_eq!(answer.header("content-type"), right.header("content-type"), "{other}");
        }
    }
}

#[tokio::test]
async fn an_address_that_no_door_has_is_answered_in_the_language_of_its_door() {
    let (house, _, _) = furnished().await;
    for (path, scheme) in [
        ("//api/1/nothing", "cmk"),
        ("//api//1", "cmk"),
        ("/api/1//document/", "cmk"),
        ("//api/v1/nothing/", "ApiKey"),
        ("//api/10/document/wrap", "ApiKey"),
        ("///api", "ApiKey"),
        // A part that is missing is not made up from its neighbours.
        ("/api/v1/scopes//DE/encrypt", "ApiKey"),
    ] {
        let ask = house.ask(Method::POST, path).without("sec-fetch-site").body("");
        let answer = ask.send().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(said(&answer, scheme), "There is no API endpoint at this URL.", "{path}");
    }
    // Another spelling of a door's address is no address of a door, and stays behind the guards of the pages.
    for path in
        ["/%61pi/1/document/wrap", "//%61pi/v1", "/./api/1/document/wrap", "/x/../api/1/document/wrap"]
    {
        let ask = house.ask(Method::POST, path).without("sec-fetch-site").body("");
        let answer = ask.send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    // A page has one address, to which other spellings lead.
    let page = house.get("", "//sign-in").await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/sign-in"));
}

#[tokio::test]
async fn a_key_works_with_blanks_around_it() {
    let (house, _, _) = furnished().await;
    for door in doors() {
        for authorization in [
            format!("{} {KEY}", door.scheme),
            format!("{}  {KEY}", door.scheme),
            format!("{} \t {KEY}\t ", door.scheme),
            format!("  {}\t{KEY}", door.scheme.to_ascii_uppercase()),
        ] {
            let answer = door.ask(&house, &[("authorization", &authorization)]).await;
            assert_eq!(answer.status, StatusCode::OK, "{authorization:?}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn what_stands_around_a_key_is_said_and_the_key_is_not() {
    let (house, _, _) = furnished().await;
    let unknown = KEY.replace("AQIDBAUG", "AAAAAAAA");
    for door in doors() {
        let scheme = door.scheme;
        let other = if scheme == "cmk" { "Bearer" } else { "cmk" };
        // A stranger hears the same whether the key exists or not.
        for key in [KEY, &unknown] {
            for (headers, cause) in [
                (vec![], "has no header `Authorization`"),
                (vec![format!("{scheme} {key}"); 2], "more than one header `Authorization`"),
                (vec![String::new()], "no API key after its scheme"),
                (vec![scheme.to_owned()], "no API key after its scheme"),
                (vec![format!("{scheme} ")], "no API key after its scheme"),
                (vec![key.to_owned()], "has no scheme"),
                (vec![format!("{other} {key}")], "The scheme in the header `Authorization` is not"),
                (vec![format!("{scheme}: {key}")], "The scheme in the header `Authorization` is not"),
                (vec![format!("{scheme} \"{key}\"")], "quotation marks"),
                (vec![format!("{scheme} '{key}")], "quotation marks"),
                (vec![format!("{scheme} <{key}>")], "quotation marks or brackets"),
                (vec![format!("\"{scheme} {key}\"")], "quotation marks"),
                (vec![format!("\"{key}\"")], "quotation marks"),
                (vec![format!("{scheme} {scheme} {key}")], "white space within the API key"),
                (vec![format!("{scheme} {} {}", &key[..20], &key[20..])], "white space within the API key"),
                (vec![format!("{scheme} {key}\\n")], "escaped line break"),
                (vec![format!("{scheme} {key}%0D%0A")], "escaped line break"),
                (vec![format!("{scheme} {key}\u{a0}")], "a character that does not occur"),
                (vec![format!("{scheme} {}", &key[..43])], "not a whole API key"),
                (vec![format!("{scheme} {key}{key}")], "not a whole API key"),
                (vec![format!("{scheme} {}", key.replace("kstd", "Kstd"))], "not a whole API key"),
            ] {
                let headers: Vec<_> = headers.iter().map(|value| ("authorization", value.as_str())).collect();
                let answer = door.ask(&house, &headers).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
                assert_eq!(answer.header("www-authenticate"), scheme, "{headers:?}");
                let said = said(&answer, scheme);
                assert!(said.contains(cause), "{headers:?}: {said}");
                assert!(!answer.body.contains(&key[4..12]), "{headers:?}: it quotes the key");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_why() {
    let (house, _, _) = furnished().await;
    for door in doors() {
        let good = &door.body;
        let broken = good.replacen("\":\"", &format!("\":\"{}\n", "A".repeat(76)), 1);
        for (body, cause) in [
            (
                format!("\u{feff}{good}"),
                "The body begins with a byte order mark (EF BB BF). Send UTF-8 without it.",
            ),
            (
                good.chars().flat_map(|one| [one, '\0']).collect(),
                "The body is in UTF-16 or UTF-32. Send UTF-8",
            ),
            (broken, "has a line break at its character 77 (line 1, column "),
            (String::new(), "The body is empty."),
            ("tenantId=production%2FDE&plaintext=YQ".to_owned(), "The body is a form, not JSON."),
            (good.replace('"', "'"), "names and texts need double quotation marks (\"), not single ones (')"),
            (format!("'{good}'"), "The body begins with a single quotation mark"),
            (good.replace('"', ""), "names and texts need double quotation marks (\"). Some shells"),
            (good.replace('"', "\\\""), "a backslash stands outside a text"),
            (good[..good.len() - 1].to_owned(), "it ends too early"),
            (format!("{good},"), "it goes on after its end"),
        ] {
            let answer = door.send(&house, &body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
            let said = said(&answer, door.scheme);
            assert!(said.contains(cause), "{body:?}: {said}");
            assert!(!said.contains("production") && !said.contains("YSBz"), "it quotes nothing: {said}");
        }
    }
}

#[tokio::test]
async fn a_text_that_is_no_base64_is_told_why() {
    let (house, _, _) = furnished().await;
    let wrapped = format!("{}\r\n{}", "A".repeat(76), "AAAA");
    for (text, cause) in [
        (
            wrapped.as_str(),
            "The base64 has a line break at character 77. Take line breaks out: base64 -w0 writes none.",
        ),
        ("YSBzZWNy ZXQ=", "white space at character 9"),
        ("YSBz-_ZX", "URL-safe base64: it has - or _ at character 5"),
        ("YSBzZWNyZXQ", "The padding of the base64 is missing or wrong."),
        ("6120736563726574aa", "This is hexadecimal."),
        ("\"YSBz\"", "a quotation mark at character 1"),
        ("YSBzZ", "no base64 has this length"),
    ] {
        let edeks =
            json!({"tenantId": "production/DE", "iclFields": {"requestingId": "x"}, "edeks": {"a": text}});
        let unwrap = edeks
            .to_string()
            .replace(r#""edeks":{"a":"#, r#""encryptedDocumentKey":"#)
            .replacen("\"}", "\"", 1);
        for (path, body, within, status) in [
            (ENCRYPT, json!({"plaintext": text}).to_string(), "/title", 422),
            (WRAP, json!({"dek": text}).to_string(), "/title", 422),
            (DECRYPT, json!({"ciphertext": text}).to_string(), "/title", 422),
            (DECRYPT, json!({"items": [{"ciphertext": text}]}).to_string(), "/results/0/problem/title", 200),
            ("/api/1/document/batch-unwrap", edeks.to_string(), "/failures/a/message", 200),
            ("/api/1/document/unwrap", unwrap, "/message", 422),
        ] {
            let scheme = if path.starts_with("/api/1/") { "cmk" } else { "ApiKey" };
            let ask = house.ask(Method::POST, path).without("sec-fetch-site").body(&*body);
            let ask = ask.header("content-type", "application/json");
            let answer = ask.header("authorization", &format!("{scheme} {KEY}")).send().await;
            assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.body);
            let json = answer.json();
            let said = json.pointer(within).and_then(Value::as_str).unwrap_or_default();
            assert!(said.contains(cause), "{path} {text:?}: {}", answer.body);
            assert!(!answer.body.contains("YSBz") && !answer.body.contains("AAAA"), "it quotes nothing");
        }
    }
    // 64 hexadecimal digits are base64 as well, but of 48 bytes.
    let hexadecimal = json!({"dek": "00112233445566778899aabbccddeeff".repeat(2)});
    let answer = native(&house, WRAP, &hexadecimal.to_string()).await;
    assert_eq!(answer.json()["code"], "not_a_data_key");
    assert!(said(&answer, "ApiKey").contains("written in hexadecimal"), "{}", answer.body);
    let long = json!({"dek": "z".repeat(64)});
    let answer = native(&house, WRAP, &long.to_string()).await;
    assert_eq!(said(&answer, "ApiKey"), "A data key must have exactly 32 bytes.");
}

#[tokio::test]
async fn a_content_type_that_is_not_json_is_told_why() {
    let (house, _, _) = furnished().await;
    for (kind, cause) in [
        (None, "The request has no header `Content-Type`."),
        (Some("application/x-www-form-urlencoded"), "curl with -d says so by itself"),
        (Some("text/plain"), "does not say that the body is JSON"),
        (Some("\u{e4}"), "does not say that the body is JSON"),
    ] {
        let ask = house.ask(Method::POST, ENCRYPT).service(KEY, &json!({"plaintext": PLAIN}));
        let ask = ask.without("content-type");
        let answer = kind.into_iter().fold(ask, |ask, kind| ask.header("content-type", kind)).send().await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (415, &json!("not_json")), "{kind:?}");
        assert!(said(&answer, "ApiKey").contains(cause), "{kind:?}: {}", answer.body);
    }
    for kind in ["application/json", "APPLICATION/JSON; charset=utf-8", " application/json ;x=y"] {
        let ask = house.ask(Method::POST, ENCRYPT).service(KEY, &json!({"plaintext": PLAIN}));
        assert_eq!(ask.header("content-type", kind).send().await.status, StatusCode::OK, "{kind}");
    }
}

/// Returns the codes of the results of a batch; "done" where there is no problem.
fn codes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let results = answer.json()["results"].as_array().expect("results").clone();
    let code = |one: &Value| one["problem"]["code"].as_str().unwrap_or("done").to_owned();
    results.iter().map(code).collect()
}

#[tokio::test]
async fn an_item_that_cannot_be_read_hides_no_other_at_any_batch_of_the_native_door() {
    let (house, _, _) = furnished().await;
    let made = native(&house, ENCRYPT, &json!({"plaintext": PLAIN}).to_string()).await.json();
    let wrapped = native(&house, WRAP, "{}").await.json();
    let operations = rows().filter(|row| row.path.contains("{country}"));
    let operations = operations.filter_map(|row| match row.needs {
        Needs::May(operation) => Some((row.path, operation)),
        _ => None,
    });
    let mut seen = 0;
    for (path, operation) in operations {
        let path = path.replace("{environment}", "production").replace("{country}", "DE");
        let (field, value) = match operation {
            Operation::Encrypt => ("plaintext", json!(PLAIN)),
            Operation::Decrypt | Operation::Reencrypt => ("ciphertext", made["ciphertext"].clone()),
            Operation::Wrap => ("dek", wrapped["dek"].clone()),
            Operation::Unwrap | Operation::Rewrap => ("edek", wrapped["edek"].clone()),
        };
        let good = json!({field: value}).to_string();
        let twice = format!(r#"{{"{field}":{value},"{field}":{value}}}"#);
        let items = [
            &good,
            "5",
            "null",
            "[]",
            r#""a word""#,
            &format!(r#"{{"{field}":5}}"#),
            &good.replacen('{', r#"{"more":1,"#, 1),
            &twice,
            &good.replacen('{', r#"{"context":{"a":"1","a":"2"},"#, 1),
            &good.replacen('{', r#"{"audit":{},"#, 1),
            &good,
        ];
        let answer = native(&house, &path, &format!(r#"{{"items":[{}]}}"#, items.join(" ,\n"))).await;
        let mut expected = vec!["unreadable"; items.len()];
        (expected[0], expected[items.len() - 1]) = ("done", "done");
        assert_eq!(codes(&answer), expected, "{path}");
        let problem = &answer.json()["results"][1]["problem"];
        assert_eq!(problem["status"], 400);
        let title = "Invalid value at line 2, column 1. Expected: an object. See /api/openapi.json.";
        assert_eq!(problem["title"], title, "{path}");
        assert!(!answer.body.contains("a word"), "{path}: nothing of an item that cannot be read comes back");
        seen += 1;
    }
    assert_eq!(seen, Operation::ALL.len());
    let none = native(&house, ENCRYPT, r#"{"items":[5, {}]}"#).await;
    assert_eq!(codes(&none), ["unreadable", "unreadable"]);
    let many = format!(r#"{{"items":[{}]}}"#, vec!["5"; 1001].join(","));
    let many = native(&house, ENCRYPT, &many).await;
    assert_eq!((many.status.as_u16(), &many.json()["code"]), (422, &json!("batch_size")));
    let most = format!(r#"{{"items":[{}]}}"#, vec!["5"; 1000].join(","));
    assert_eq!(codes(&native(&house, ENCRYPT, &most).await), vec!["unreadable"; 1000]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_hides_no_other_at_the_door_of_ironcores_clients() {
    let (house, _, _) = furnished().await;
    let ask = async |route: &str, more: &str| {
        let ask = house.ask(Method::POST, &format!("/api/1/document/{route}")).without("sec-fetch-site");
        let body = TENANT.replacen('{', &format!("{{{more},"), 1);
        let ask = ask.header("content-type", "application/json").body(body);
        let answer = ask.header("authorization", &format!("cmk {KEY}")).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    };
    let names = |map: &Value| map.as_object().expect("a map").keys().cloned().collect::<Vec<_>>();
    let ids = r#""documentIds":["a",5,null,-1.5,true,["x"],{"y":1},"b","7",7,"a"]"#;
    let wrapped = ask("batch-wrap", ids).await;
    assert_eq!(names(&wrapped["keys"]), ["7", "a", "b"], "{wrapped}");
    let failed = ["-1.5", "5", "documentIds[5]", "documentIds[6]", "null", "true"];
    assert_eq!(names(&wrapped["failures"]), failed, "{wrapped}");
    let refusal = json!({"code": 102, "message": "The ID of a document must be a string."});
    assert!(wrapped["failures"].as_object().expect("a map").values().all(|one| *one == refusal), "{wrapped}");
    let (a, b) = (&wrapped["keys"]["a"]["edek"], &wrapped["keys"]["b"]["edek"]);
    let edeks = format!(
        r#""edeks":{{"a":{a},"b":{b},"five":5,"none":null,"list":[{a}],"twice":{a},"twice":{a},"wrong":"AAAA"}}"#
    );
    let opened = ask("batch-unwrap", &edeks).await;
    assert_eq!(names(&opened["keys"]), ["a", "b"], "{opened}");
    assert_eq!(opened["keys"]["b"]["dek"], wrapped["keys"]["b"]["dek"]);
    let failures = names(&opened["failures"]).into_iter().map(|name| {
        let code = opened["failures"][&name]["code"].clone();
        (name, code.as_u64().expect("a number"))
    });
    let expected = [("five", 102), ("list", 102), ("none", 102), ("twice", 102), ("wrong", 203)];
    assert_eq!(failures.collect::<Vec<_>>(), expected.map(|(name, code)| (name.to_owned(), code)));
    assert_eq!(opened["failures"]["twice"]["message"], "The request names this document more than once.");
    // The journal counts each of them.
    let lines =
        house.test.portal.audit().export_journal(&JournalQuery::default()).await.expect("the journal");
    let told: Vec<_> = lines.events.into_iter().map(|line| (line.event.items, line.event.failed)).collect();
    assert_eq!(told, [(9, 6), (7, 5)]);
}

#[tokio::test]
async fn a_body_that_could_be_read_in_two_ways_is_refused_at_doors_and_pages() {
    let (house, _, _) = furnished().await;
    let kind = ("content-type", "application/json");
    for door in doors() {
        let key = format!("{} {KEY}", door.scheme);
        for (header, status, cause) in [
            (kind, 400, "more than one header `Content-Type`"),
            (("content-type", "text/plain"), 400, "more than one header `Content-Type`"),
            (("host", "other.example"), 400, "more than one header `Host`"),
            (("transfer-encoding", "gzip, chunked"), 501, "no transfer coding but `chunked`"),
            (("transfer-encoding", "chunked, chunked"), 400, "must name `chunked` once"),
            (("content-encoding", "gzip"), 415, "no compressed bodies"),
        ] {
            let answer = door.ask(&house, &[("authorization", &key), header]).await;
            assert_eq!(answer.status.as_u16(), status, "{header:?}: {}", answer.body);
            assert!(said(&answer, door.scheme).contains(cause), "{header:?}: {}", answer.body);
            let is_last = header.0 == "transfer-encoding";
            assert_eq!(answer.headers.contains_key("connection"), is_last, "{header:?}");
            // It has precedence over the key, so that it tells a stranger nothing about one.
            let stranger = door.ask(&house, &[header]).await;
            assert_eq!((stranger.status, stranger.body), (answer.status, answer.body), "{header:?}");
        }
        let coded = [("authorization", key.as_str()), ("content-encoding", "identity")];
        assert_eq!(door.ask(&house, &coded).await.status, StatusCode::OK);
    }
    for (header, status) in [
        (("content-type", "application/x-www-form-urlencoded"), 400),
        (("transfer-encoding", "gzip, chunked"), 501),
        (("transfer-encoding", "chunked, chunked"), 400),
        (("content-encoding", "gzip"), 415),
    ] {
        let ask =
            house.ask(Method::POST, "/sign-in").fields(&[("email", "a@example.com"), ("password", "x")]);
        let answer = ask.also(header.0, header.1).send().await;
        assert_eq!(answer.status.as_u16(), status, "{header:?}");
        assert!(answer.body.contains("</html>"), "{header:?}");
        assert_eq!(answer.headers.contains_key("connection"), header.0 == "transfer-encoding", "{header:?}");
    }
}
