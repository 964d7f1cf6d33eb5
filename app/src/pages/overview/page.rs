//! "Overview": what needs attention, and every environment with its countries.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::overview::attention::Attention;
use crate::pages::overview::grid::Grid;
use crate::pages::overview::next_steps::NextStepsCard;
use crate::pages::overview::upkeep::{LastBackup, UpkeepWarnings};
use crate::ui::button::{ButtonLink, Weight};
use crate::ui::empty::Empty;
use domain::base::address;
use domain::overview::attention::AttentionView;
use domain::overview::frame::Chrome;
use domain::overview::grid::{GridView, Only};
use domain::overview::next_steps::NextSteps;
use domain::overview::upkeep::UpkeepView;
use leptos::prelude::*;

#[component]
pub fn OverviewPage(
    chrome: Chrome,
    attention: AttentionView,
    upkeep: UpkeepView,
    grid: GridView,
    /// The steps after the first key, while some of them are open.
    steps: Option<NextSteps>,
    /// The filter of the grid as it was typed.
    find: String,
    only: Option<Only>,
) -> impl IntoView {
    let (now, unsaved) = (chrome.now, chrome.unsaved);
    let has_environments = grid.has_environments;
    let body = if has_environments {
        view! { <Grid view=grid find only now /> }.into_any()
    } else {
        view! {
            <Empty title="No environments yet">
                <p>
                    "An environment is a deployment stage of your product, such as production, staging or a customer's sandbox. Add the first one, then the countries where it stores data, then an encryption key for each country."
                </p>
                <p>
                    <ButtonLink label="Add environment" href=address::ENVIRONMENTS weight=Weight::Primary />
                </p>
            </Empty>
        }
        .into_any()
    };
    view! {
        <Frame chrome crumbs=vec![("Overview".to_owned(), None)]>
            <PageHead heading="Overview">
                <ButtonLink label="Calendar" href=address::CALENDAR />
            </PageHead>
            <Attention attention upkeep=upkeep.clone() unsaved has_environments now />
            {steps
                .map(|steps| {
                    let has_unsaved_codes = unsaved.recovery_codes_until.is_some();
                    view! { <NextStepsCard steps has_unsaved_codes /> }
                })}
            {body}
            <section class="installation" id="installation" aria-label="Installation">
                <UpkeepWarnings upkeep=upkeep.clone() />
                <LastBackup upkeep />
            </section>
        </Frame>
    }
}
