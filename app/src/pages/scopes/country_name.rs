//! A country without a flag: its code in a small box and its name.

use domain::scopes::scope::Country;
use leptos::prelude::*;

#[component]
pub fn CountryName(country: Country) -> impl IntoView {
    view! {
        <span class="country">
            <span class="country-code">{country.code()}</span>
            {country.name()}
        </span>
    }
}
