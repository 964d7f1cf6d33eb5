//! "Rotation Period", with the date of the next rotation for each choice.

use crate::frame::moment::Day;
use crate::ui::select::Select;
use chrono::{DateTime, Utc};
use domain::keys::rotation::RotationPeriod;
use leptos::prelude::*;

/// The choice of a rotation period. The stylesheet shows only the date of the chosen period.
#[component]
pub fn RotationPeriodField(
    initial: RotationPeriod,
    /// Time from which the period counts: the creation of the version.
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
                    .then_some(". This date is in the past, so Keystead rotates the key shortly after you confirm.")}
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
