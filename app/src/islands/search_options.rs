//! A search box above a long `select`: typing shows the matching options as a list.

use domain::base::typed::trimmed;
use leptos::prelude::*;
use web_sys::{HtmlElement, HtmlOptionElement, HtmlSelectElement};

/// Maximum number of rows of the list during a search.
const ROWS: u32 = 6;

/// Ranks how well an option matches: by its code, by the beginning of its name, by another part of it; `None` means no match.
fn rank(option: &HtmlOptionElement, wanted: &str) -> Option<u8> {
    let name = option.text().to_lowercase();
    match name.find(wanted) {
        _ if option.value().to_lowercase() == wanted => Some(0),
        Some(0) => Some(1),
        Some(_) => Some(2),
        None => None,
    }
}

#[island]
pub fn SearchOptions(children: Children) -> impl IntoView {
    let node = NodeRef::new();
    let found = RwSignal::new(String::new());
    let all = StoredValue::new_local(Vec::<HtmlOptionElement>::new());
    super::on_wake(node, move |root| all.set_value(super::find_all(&root, "option")));
    let select = move || super::find::<HtmlSelectElement>(&node.get_untracked()?.into(), "select");
    let search = move |event| {
        let Some(select) = select() else { return };
        let wanted = trimmed(&event_target_value(&event)).to_lowercase();
        let searching = !wanted.is_empty();
        let mut shown = all.get_value();
        if searching {
            // The prompt has no value: it is no country.
            shown.retain(|option| !option.value().is_empty() && rank(option, &wanted).is_some());
            // The sort is stable: options of one rank stay in the order of the page.
            shown.sort_by_key(|option| rank(option, &wanted));
        }
        select.set_text_content(None);
        for option in &shown {
            let _ = select.append_child(option);
        }
        // Without a match nothing is selected, so that the form sends no country that the person cannot see.
        select.set_selected_index(if shown.is_empty() { -1 } else { 0 });
        // A `select` of one row would be a closed drop-down list again.
        let rows = (shown.len() as u32).clamp(2, ROWS);
        select.set_size(if searching { rows } else { 0 });
        found.set(match shown.len() {
            _ if !searching => String::new(),
            0 => "No country matches.".to_owned(),
            1 => "1 country matches.".to_owned(),
            many => format!("{many} countries match."),
        });
    };
    let steer = move |event: leptos::ev::KeyboardEvent| {
        if matches!(event.key().as_str(), "ArrowDown" | "ArrowUp")
            && let Some(select) = select()
        {
            event.prevent_default();
            let list: &HtmlElement = &select;
            let _ = list.focus();
        }
    };
    view! {
        <span class="island search-options" node_ref=node>
            <input
                class="input needs-script"
                r#type="search"
                aria-label="Search countries"
                placeholder="Search by name or code"
                autocomplete="off"
                on:input=search
                on:keydown=steer
            />
            <span class="visually-hidden" role="status">
                {move || found.get()}
            </span>
            {children()}
        </span>
    }
}
