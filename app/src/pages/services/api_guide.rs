//! "How services use it": the data plane, with commands to try, and every operation as its document describes it.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::custody::aws_guide::Section;
use crate::ui::copy::Copyable;
use crate::ui::table::{Cell, Table};
use domain::base::address;
use domain::data::view::{ApiField, ApiOperation, ApiStatus};
use domain::overview::frame::Chrome;
use domain::overview::lack::Lack;
use domain::overview::view::TreeEnvironment;
use leptos::prelude::*;

/// Examples: an operation, its request body, and the field of the answer that later commands use. They work when pasted one
/// after the other; an end-to-end test in the browser does exactly that.
const EXAMPLES: [(&str, &str, Option<&str>); 6] = [
    ("encrypt", r#"{"plaintext": "YSBzZWNyZXQ=", "context": {"order": "17"}}"#, Some("ciphertext")),
    ("decrypt", r#"{"ciphertext": "'$CIPHERTEXT'", "context": {"order": "17"}}"#, None),
    ("wrap", "{}", Some("edek")),
    ("unwrap", r#"{"edek": "'$EDEK'"}"#, None),
    ("encrypt", r#"{"items": [{"plaintext": "b25l"}, {"plaintext": "dHdv"}]}"#, None),
    (
        "decrypt",
        r#"{"ciphertext": "'$CIPHERTEXT'", "context": {"order": "17"},
        "audit": {"requesting_id": "billing", "object_id": "order 17"}}"#,
        None,
    ),
];

/// Returns the shell command of an example.
fn command((operation, body, kept): (&str, &str, Option<&str>)) -> String {
    let call = format!(
        "curl -sS $KEYSTEAD_SCOPE/{operation} \\\n    -H \"Authorization: ApiKey $KEYSTEAD_API_KEY\" \\\n    --json '{body}'"
    );
    match kept {
        Some(field) => format!("{}=$({call} \\\n    | jq -r .{field})", field.to_uppercase()),
        None => call,
    }
}

/// Returns the name of the first scope that has a key; without one, a name that shows the notation.
fn scope(tree: &[TreeEnvironment]) -> String {
    let scopes =
        tree.iter().flat_map(|environment| environment.countries.iter().map(|row| (&environment.slug, row)));
    let mut with_key = scopes.filter(|(_, row)| row.lacks != Some(Lack::NoKey));
    with_key.next().map_or("production/DE".to_owned(), |(slug, row)| format!("{slug}/{}", row.country))
}

#[component]
pub fn ApiGuidePage(
    chrome: Chrome,
    /// The address at which services reach this portal.
    address: String,
    operations: Vec<ApiOperation>,
) -> impl IntoView {
    let crumbs = vec![
        ("API keys".to_owned(), Some(address::API_KEYS.to_owned())),
        ("How services use it".to_owned(), None),
    ];
    let begin = format!("KEYSTEAD_SCOPE={address}/api/v1/scopes/{}", scope(&chrome.tree.environments));
    let [encrypt, decrypt, wrap, unwrap, batch, audit] = EXAMPLES.map(command);
    view! {
        <Frame chrome crumbs>
            <PageHead
                heading="How services use it"
                about="JSON over HTTP. A service comes in with an API key and names a scope: an environment and a country."
            />
            <article class="guide">
                <Section title="To try it">
                    <p>
                        "The commands of this page work as they are, one after the other, with curl 7.82 or newer and jq. First the scope, and the key, which is asked for so that it stays out of the shell's history:"
                    </p>
                    <Copyable text=begin />
                    <Copyable text="read -rsp 'API key: ' KEYSTEAD_API_KEY" />
                </Section>
                <Section title="Write and read">
                    <p>
                        "Small data is encrypted directly, up to 64 KiB: keep the ciphertext where the data would lie. It names the version that made it; any version decrypts, the newest encrypts. Binary is base64."
                    </p>
                    <Copyable text=encrypt />
                    <Copyable text=decrypt />
                    <p>
                        "The context is authenticated, not stored: whoever decrypts gives the same. Put into it what the data belongs to, and it cannot be passed off as something else's."
                    </p>
                </Section>
                <Section title="Larger data: a data key for each document">
                    <p>
                        "Wrap makes a data key (DEK) and the same key wrapped (EDEK). Encrypt with the DEK, forget it, keep the EDEK beside the data; unwrap gives it back."
                    </p>
                    <Copyable text=wrap />
                    <Copyable text=unwrap />
                </Section>
                <Section title="Many at once">
                    <p>"Up to 1000 items in one request of at most 1 MiB. Each has its own answer, in the same order."</p>
                    <Copyable text=batch />
                </Section>
                <Section title="What is written down">
                    <p>
                        "Every request with a key that works is in the audit log before its answer leaves: the key, the operation, the scope, the versions, how many items, from where. Add whom it was for and what it was about: the audit log finds it by either, and neither decides anything. Requests without such a key are counted in the metrics, not written down one by one."
                    </p>
                    <Copyable text=audit />
                </Section>
                <Section title="Every operation">
                    <p>
                        "The same for programs, as OpenAPI 3.1: " <a href=address::OPENAPI>"/api/openapi.json"</a>
                        ". A refusal is a problem in JSON (RFC 9457) with a code that stays."
                    </p>
                    {operations.into_iter().map(|operation| view! { <Operation operation /> }).collect_view()}
                </Section>
            </article>
        </Frame>
    }
}

#[component]
fn Operation(operation: ApiOperation) -> impl IntoView {
    let ApiOperation { method, path, about, name, request, answer, statuses } = operation;
    let id = name.clone();
    let row = |ApiStatus { status, meaning }: ApiStatus| {
        view! {
            <tr>
                <Cell label="Status">
                    <span class="mono">{status}</span>
                </Cell>
                <Cell label="Meaning">{meaning}</Cell>
            </tr>
        }
    };
    view! {
        <details class="operation" id=id>
            <summary>
                <b>{name}</b>
                " "
                <span>{about}</span>
            </summary>
            <p class="mono wrap">{format!("{method} {path}")}</p>
            <FieldList title="Request" fields=request />
            <FieldList title="Answer" fields=answer />
            <Table caption="Answers" columns=&["Status", "Meaning"]>
                {statuses.into_iter().map(row).collect_view()}
            </Table>
        </details>
    }
}

#[component]
fn FieldList(title: &'static str, fields: Vec<ApiField>) -> impl IntoView {
    let row = |ApiField { name, kind, is_required, about }: ApiField| {
        let kind = if is_required { kind } else { format!("{kind}, may be left out") };
        view! {
            <tr>
                <Cell label="Field">
                    <span class="mono">{name}</span>
                </Cell>
                <Cell label="Kind">{kind}</Cell>
                <Cell label="What it is">{about}</Cell>
            </tr>
        }
    };
    (!fields.is_empty()).then(|| {
        view! {
            <h3>{title}</h3>
            <Table caption=title columns=&["Field", "Kind", "What it is"]>
                {fields.into_iter().map(row).collect_view()}
            </Table>
        }
    })
}
