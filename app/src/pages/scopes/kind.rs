//! "Change kind" of an environment, and what follows from it.

use crate::frame::change_steps::ChangeSteps;
use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::scopes::environment::crumbs;
use crate::pages::scopes::environments::kind_choices;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::card::Card;
use crate::ui::form::{Actions, PostForm};
use crate::ui::radio_cards::RadioCards;
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::Chrome;
use domain::overview::view::EnvironmentRow;
use domain::scopes::scope::EnvironmentKind;
use leptos::prelude::*;

#[component]
pub fn KindPage(
    chrome: Chrome,
    environment: EnvironmentRow,
    /// An encryption key exists in the environment, so a verification code confirms the change.
    needs_code: bool,
    form: Form,
) -> impl IntoView {
    let href = address::environment(&environment.slug);
    let (kind, without_key) = (environment.kind, environment.without_key());
    let others = EnvironmentKind::ALL.into_iter().filter(move |other| *other != kind);
    let effects = others.map(move |other| {
        view! {
            <li>{format!("With {}: {}", other.label(), other.flags(without_key))}</li>
        }
    });
    let verb = if needs_code { "Next" } else { "Change kind" };
    view! {
        <Frame chrome crumbs=crumbs(&environment, "Change kind")>
            <div class="narrow">
                <PageHead heading="Change kind" about=environment.name.clone() />
                {needs_code.then(|| view! { <ChangeSteps confirm=false /> })}
                <PostForm form>
                    <RadioCards name="kind" label="Kind" choices=kind_choices() initial=kind.word() />
                    <Card title="What will happen">
                        <ul class="effects">
                            {effects.collect_view()} <li>"Services, encryption keys and encrypted data are not affected."</li>
                            <li>
                                "An API key reaches environments of one kind only. While an API key that works reaches this environment and another one, you cannot change the kind."
                            </li>
                        </ul>
                    </Card>
                    <Actions>
                        <ButtonLink label="Cancel" href />
                        <Button label=verb weight=Weight::Primary />
                    </Actions>
                </PostForm>
            </div>
        </Frame>
    }
}
