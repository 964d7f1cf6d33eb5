//! The verification code: one real input of six digits.

use crate::islands::code_input::CodeInput;
use crate::ui::field::FieldFrame;
use crate::ui::form::FieldState;
use leptos::prelude::*;

#[component]
pub fn CodeField(
    /// Submits the form at the sixth digit. Only for codes that sign in; a change needs its button.
    #[prop(optional)]
    auto_submit: bool,
) -> impl IntoView {
    let hint = Some("Six digits from your authenticator app.".to_owned());
    let state = FieldState::of("code", "Verification code", true);
    let described_by = state.described_by();
    view! {
        <FieldFrame label="Verification code" hint state=state.clone()>
            <CodeInput>
                <input
                    class="input code"
                    id=state.id
                    name="code"
                    r#type="text"
                    inputmode="numeric"
                    autocomplete="one-time-code"
                    maxlength="6"
                    pattern="[0-9]{6}"
                    required
                    data-auto-submit=auto_submit.then_some("")
                    autofocus=true
                    aria-describedby=described_by
                    aria-invalid=state.error.is_some().then_some("true")
                />
            </CodeInput>
        </FieldFrame>
    }
    .into_any()
}
