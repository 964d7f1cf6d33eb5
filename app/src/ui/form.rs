//! A form that posts to its own address, and the state that its fields read.

use domain::base::form::Form;
use leptos::context::Provider;
use leptos::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The state of a form; its fields get it as context.
#[derive(Clone)]
struct FormState {
    form: Arc<Form>,
    /// Errors of the fields rendered so far, in their order.
    shown: Arc<Mutex<Vec<FieldError>>>,
    /// A button that does something else stands among the fields.
    has_other_button: Arc<AtomicBool>,
}

struct FieldError {
    name: &'static str,
    label: &'static str,
    message: String,
}

/// Returns the id of a field's control.
fn id_of(name: &str) -> String {
    name.replace('_', "-")
}

/// The part of a form's state that one field needs.
#[derive(Clone)]
pub struct FieldState {
    pub id: String,
    pub value: String,
    pub error: Option<String>,
    /// The server keeps the secret that was typed, so the field may stay empty.
    pub kept: bool,
    /// The first field with an error.
    pub takes_focus: bool,
    /// Some field of the form has an error.
    pub any_error: bool,
    has_hint: bool,
}

impl FieldState {
    pub fn of(name: &'static str, label: &'static str, has_hint: bool) -> Self {
        let FormState { form, shown, .. } = expect_context();
        let error = form.error_of(name).map(str::to_owned);
        let mut shown = shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // An error of the form as a whole stands above the fields, and the page begins there.
        let takes_focus = error.is_some() && shown.is_empty() && form.error.is_none();
        shown.extend(error.clone().map(|message| FieldError { name, label, message }));
        Self {
            id: id_of(name),
            value: form.value(name).to_owned(),
            kept: form.is_kept(name),
            any_error: form.errors().next().is_some(),
            error,
            takes_focus,
            has_hint,
        }
    }

    /// Returns the ids of hint, error and note, for `aria-describedby`.
    pub fn described_by(&self) -> Option<String> {
        let parts = [(self.has_hint, "hint"), (self.error.is_some(), "error"), (self.kept, "kept")];
        let ids: Vec<_> =
            parts.iter().filter(|part| part.0).map(|part| format!("{}-{}", self.id, part.1)).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

/// What was typed into a form at a path when the session ended. The page provides it as context.
#[derive(Clone)]
pub struct Draft {
    pub path: String,
    pub form: Form,
}

impl Draft {
    /// Returns the draft of the form that is posted to an address; without one, to the page's own.
    fn of(action: Option<&str>) -> Option<Form> {
        use_context::<Self>()
            .filter(|draft| action.is_none_or(|path| path == draft.path))
            .map(|draft| draft.form)
    }
}

/// A form that posts. Above the fields it shows the error of the form as a whole, and lists the errors of the fields when
/// there are several.
#[component]
pub fn PostForm(
    form: Form,
    #[prop(optional, into)] action: Option<String>,
    children: Children,
) -> impl IntoView {
    view! { <AnyForm form method="post" class="form" action children /> }
}

/// A form that only queries: its values go into the address, which can be bookmarked.
#[component]
pub fn QueryForm(form: Form, children: Children) -> impl IntoView {
    view! { <AnyForm form method="get" class="filters" action=None children /> }
}

#[component]
fn AnyForm(
    form: Form,
    method: &'static str,
    class: &'static str,
    action: Option<String>,
    children: Children,
) -> impl IntoView {
    let draft = Draft::of(action.as_deref()).filter(|_| method == "post" && !form.is_refused());
    let has_draft = draft.is_some();
    let form = match draft {
        Some(draft) => form.over(draft),
        None => form,
    };
    let state = FormState { form: Arc::new(form), shown: Arc::default(), has_other_button: Arc::default() };
    let FormState { form, shown, has_other_button } = state.clone();
    // The fields are made first: each notes its error in `shown`, which the summary above them needs.
    let fields = view! { <Provider value=state>{children()}</Provider> }.into_any();
    let shown = std::mem::take(&mut *shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    // An error whose field this form does not have must not get lost.
    let elsewhere = form.errors().filter(|(name, _)| shown.iter().all(|error| error.name != *name));
    let general = form.error.clone().into_iter().chain(elsewhere.map(|(_, message)| message.to_owned()));
    view! {
        <form class=class method=method action=action novalidate>
            {has_other_button.load(Ordering::Relaxed).then(|| view! { <DefaultButton /> })}
            <ErrorSummary general=general.collect() shown />
            {has_draft
                .then(|| {
                    view! {
                        <p class="hint" role="status">
                            "Keystead restored what you typed before your session ended. Enter secrets again."
                        </p>
                    }
                })}
            {fields}
        </form>
    }
    .into_any()
}

/// A button among the fields that does something else than the form: it sends `name` besides the fields.
#[component]
pub fn OtherButton(name: &'static str, label: &'static str) -> impl IntoView {
    expect_context::<FormState>().has_other_button.store(true, Ordering::Relaxed);
    view! {
        <button class="button" r#type="submit" name=name value="yes" data-weight="secondary">
            {label}
        </button>
    }
}

/// The button that Enter presses: browsers take the first one of a form, and that must not be one that does something else.
#[component]
fn DefaultButton() -> impl IntoView {
    view! { <button class="visually-hidden" r#type="submit" tabindex="-1" aria-hidden="true"></button> }
}

/// The errors of a form. `general` holds errors that belong to none of its fields.
#[component]
fn ErrorSummary(mut general: Vec<String>, shown: Vec<FieldError>) -> impl IntoView {
    // A single error needs no list, because it stands beside its field.
    let several = shown.len() > 1;
    if several && general.is_empty() {
        general.push("Please correct the following.".to_owned());
    }
    let line = |FieldError { name, label, message }| {
        view! { <li><a href=format!("#{}", id_of(name))>{label}</a> ": " {message}</li> }
    };
    (!general.is_empty()).then(|| {
        view! {
            <div class="error-summary" role="alert">
                {general.into_iter().map(|message| view! { <p>{message}</p> }).collect_view()}
                {several.then(|| view! { <ul>{shown.into_iter().map(line).collect_view()}</ul> })}
            </div>
        }
    })
}

/// The row of buttons that ends a form.
#[component]
pub fn Actions(children: Children) -> impl IntoView {
    view! { <div class="actions">{children()}</div> }
}
