//! "How services use it": the data plane, with commands to try, and every operation as its document describes it.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::custody::aws_guide::Section;
use crate::ui::copy::Copyable;
use crate::ui::table::{Cell, Table};
use domain::base::address;
use domain::data::code::{ApiCodeRow, CODES};
use domain::data::view::{ApiField, ApiOperation};
use domain::overview::frame::Chrome;
use domain::overview::lack::Lack;
use domain::overview::view::TreeEnvironment;
use leptos::prelude::*;

/// Examples: an operation, its request body, and the field of the answer that later commands use. They work when pasted one
/// after the other; an end-to-end test in the browser does exactly that.
const EXAMPLES: [(&str, &str, Option<&str>); 6] = [
    ("encrypt", r#"{"plaintext": "YSBzZWNyZXQ=", "context": {"order": "17"}}"#, Some("ciphertext")),
    // `'$CIPHERTEXT'` leaves the single quotes of the command, so that the shell inserts the value.
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
    let mut with_key = scopes.filter(|(_, row)| !row.lacks.is_some_and(Lack::is_of_key));
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
                about="JSON over HTTP. A service authenticates with an API key and names a scope: an environment and a country."
            />
            <article class="guide">
                <Section title="Try it">
                    <p>
                        "Run the commands on this page in order. They need curl 7.82 or newer, and jq. First set the scope and the API key. The second command prompts for the key, which keeps it out of your shell history:"
                    </p>
                    <Copyable text=begin />
                    <Copyable text="read -rsp 'API key: ' KEYSTEAD_API_KEY" />
                </Section>
                <Section title="Encrypt and decrypt">
                    <p>
                        "Encrypt data of up to 64 KiB directly, and store the ciphertext in place of the data. The newest version encrypts. A ciphertext names its version, so data encrypted with older versions can still be decrypted. Binary values are base64."
                    </p>
                    <Copyable text=encrypt />
                    <Copyable text=decrypt />
                    <p>
                        "The context is authenticated but not stored: pass the same context to decrypt. Put into it what the data belongs to, such as an order number. The ciphertext then cannot be used for another order."
                    </p>
                </Section>
                <Section title="Larger data: one data key per document">
                    <p>
                        "Wrap returns a data key (DEK) and the same key in wrapped form (EDEK). Encrypt the document with the DEK, discard the DEK, and store the EDEK with the document. Unwrap returns the DEK."
                    </p>
                    <Copyable text=wrap />
                    <Copyable text=unwrap />
                </Section>
                <Section title="Batches">
                    <p>"One request can contain up to 1000 items and 1 MiB. Each item has its own result, in the same order."</p>
                    <Copyable text=batch />
                </Section>
                <Section title="Audit metadata">
                    <p>
                        "Keystead adds every authenticated request to the audit log before it answers: the API key, the operation, the scope, the versions, the number of items, and the client's address. You can add who made the request and what it concerns. You can search the audit log for both. Neither affects the operation. Requests without a valid API key appear in the metrics only."
                    </p>
                    <Copyable text=audit />
                </Section>
                <Section title="All operations">
                    <p>
                        "For programs, there is an OpenAPI 3.1 document: " <a href=address::OPENAPI>"/api/openapi.json"</a>
                        ". It generates clients in many languages."
                    </p>
                    {operations.into_iter().map(|operation| view! { <Operation operation /> }).collect_view()}
                </Section>
                <Section title="When a request fails">
                    <p>
                        "The response is a problem in JSON (RFC 9457), and its code does not change between releases. In a batch, the item that failed has a problem in its place. The audit log has the same codes. IronCore's clients get a number in place of the code. Where the table says so, send the same request again after the time in the header Retry-After, or after a second."
                    </p>
                    <Codes />
                </Section>
            </article>
        </Frame>
    }
}

/// The table of codes.
#[component]
fn Codes() -> impl IntoView {
    let row = |row: &'static ApiCodeRow| {
        let ApiCodeRow { word, again, ironcore, cause, remedy, customer, .. } = row;
        let retry = if *again { "Send it again." } else { "Do not send it again." };
        view! {
            <tr>
                <Cell label="Code">
                    <span class="mono">{*word}</span>
                    <p class="cell-note">{row.status_list()}</p>
                    <p class="cell-note">{format!("IronCore {ironcore}")}</p>
                </Cell>
                <Cell label="Cause and remedy">
                    {*cause} <p class="quiet">{*remedy} " " {retry}</p>
                </Cell>
                <Cell label="What to tell a customer">{*customer}</Cell>
            </tr>
        }
    };
    view! {
        <Table
            caption="Codes of failed requests"
            columns=&["Code and status", "Cause and remedy", "What to tell a customer"]
        >
            {CODES.iter().map(row).collect_view()}
        </Table>
    }
}

#[component]
fn Operation(operation: ApiOperation) -> impl IntoView {
    let ApiOperation { method, path, about, name, request, answer } = operation;
    let id = name.clone();
    view! {
        <details class="operation" id=id>
            <summary>
                <b>{name}</b>
                " "
                <span>{about}</span>
            </summary>
            <p class="mono wrap">{format!("{method} {path}")}</p>
            <FieldList title="Request" fields=request />
            <FieldList title="Response" fields=answer />
        </details>
    }
}

#[component]
fn FieldList(title: &'static str, fields: Vec<ApiField>) -> impl IntoView {
    let row = |ApiField { name, kind, is_required, about }: ApiField| {
        let kind = if is_required { kind } else { format!("{kind}, optional") };
        view! {
            <tr>
                <Cell label="Field">
                    <span class="mono">{name}</span>
                </Cell>
                <Cell label="Type">{kind}</Cell>
                <Cell label="Description">{about}</Cell>
            </tr>
        }
    };
    (!fields.is_empty()).then(|| {
        view! {
            <h3>{title}</h3>
            <Table caption=title columns=&["Field", "Type", "Description"]>
                {fields.into_iter().map(row).collect_view()}
            </Table>
        }
    })
}
