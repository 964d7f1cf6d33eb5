//! A line of text in a form, and the frame that every kind of field shares.

use crate::ui::form::FieldState;
use leptos::prelude::*;

/// The error of a field, tied to its control by the id.
#[component]
pub fn ErrorText(id: String, error: Option<String>) -> impl IntoView {
    error.map(|error| {
        view! {
            <p class="field-error" id=format!("{id}-error")>
                {error}
            </p>
        }
    })
}

/// Label, hint and error around one control, tied to it by its id.
#[component]
pub fn FieldFrame(
    label: &'static str,
    hint: Option<String>,
    state: FieldState,
    children: Children,
) -> impl IntoView {
    let FieldState { id, error, kept, .. } = state;
    let invalid = error.is_some().then_some("");
    view! {
        <div class="field" data-invalid=invalid>
            <label for=id.clone()>{label}</label>
            {hint
                .map(|hint| {
                    view! {
                        <p class="hint" id=format!("{id}-hint")>
                            {hint}
                        </p>
                    }
                })}
            <ErrorText id=id.clone() error />
            {children()}
            {kept
                .then(|| {
                    view! {
                        <p class="hint" id=format!("{id}-kept")>
                            "Already entered. Leave blank to keep it."
                        </p>
                    }
                })}
        </div>
    }
    .into_any()
}

/// A text field. `autocomplete` also tells the browser its purpose: a password, an e-mail address, a code.
#[component]
pub fn Field(
    name: &'static str,
    label: &'static str,
    #[prop(optional, into)] hint: Option<String>,
    /// A type of HTML; or "masked" for a secret that is no password of this site, so that browsers do not offer to save it.
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(default = "off")] autocomplete: &'static str,
    /// Takes the focus when no field of the form has an error.
    #[prop(optional)]
    first: bool,
    /// May stay empty.
    #[prop(optional)]
    optional: bool,
    /// Frequent values; any other value may be typed.
    #[prop(optional)]
    suggestions: Vec<&'static str>,
) -> impl IntoView {
    let state = FieldState::of(name, label, hint.is_some());
    let described_by = state.described_by();
    let is_masked = kind == "masked";
    let kind = if is_masked { "text" } else { kind };
    let ignored = is_masked.then_some("true");
    let list = (!suggestions.is_empty()).then(|| format!("{}-list", state.id));
    let options = suggestions.into_iter().map(|value| view! { <option value=value></option> }).collect_view();
    view! {
        <FieldFrame label hint state=state.clone()>
            {list.clone().map(|id| view! { <datalist id=id>{options}</datalist> })}
            <input
                class="input"
                data-masked=is_masked.then_some("")
                data-1p-ignore=ignored
                data-bwignore=ignored
                data-lpignore=ignored
                id=state.id
                name=name
                r#type=kind
                value=(!state.value.is_empty()).then_some(state.value)
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                list=list
                placeholder=state.kept.then_some("••••••")
                required=!state.kept && !optional
                autofocus=state.takes_focus || (first && !state.any_error)
                aria-describedby=described_by
                aria-invalid=state.error.is_some().then_some("true")
            />
        </FieldFrame>
    }
    .into_any()
}
