//! "Rotation Period", and for each choice when the next rotation would be.

use crate::frame::moment::Day;
use crate::ui::select::Select;
use chrono::{DateTime, Utc};
use domain::keys::rotation::RotationPeriod;
use leptos::prelude::*;

/// The date of the chosen period is shown by the stylesheet, which sees the choice.
#[component]
pub fn RotationPeriodField(
    initial: RotationPeriod,
    /// The version that the period counts from was created then.
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> impl IntoView {
    let options = RotationPeriod::ALL.map(|period| {
        let days = period.days();
        (days.to_string(), format!("{days} days"))
    });
    let dates = RotationPeriod::ALL.map(|period| {
        let due = period.due_after(from);
        view! {
            <p class="hint">
                "Next rotation: " <Day at=due />
                {(due <= now)
                    .then_some(". That date has passed: Keystead rotates soon after you confirm.")}
            </p>
        }
    });
    view! {
        <div class="rotation-period">
            <Select
                name="rotation_days"
                label="Rotation Period"
                options=options.to_vec()
                initial=initial.days().to_string()
            />
            <div class="rotation-dates" aria-live="polite">
                {dates}
            </div>
        </div>
    }
}
