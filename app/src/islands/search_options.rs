//! A search box above a long `select`: typing shows the matching options as a list.

use domain::scopes::country_names::folded;
use leptos::prelude::*;
use web_sys::{HtmlElement, HtmlOptionElement, HtmlSelectElement};

/// Maximum number of rows of the list during a search.
const ROWS: u32 = 6;
/// The rank of an option that was named exactly.
const EXACT: u8 = 0;

/// An option, and the texts under which a search finds it: its code, its name, its other names.
#[derive(Clone)]
struct Known {
    option: HtmlOptionElement,
    texts: Vec<String>,
}

/// Returns a text as the search compares it.
fn fold(text: &str) -> String {
    folded(&String::from(js_sys::JsString::from(text).normalize("NFD")))
}

impl Known {
    fn of(option: HtmlOptionElement) -> Self {
        let also = option.get_attribute("data-also").unwrap_or_default();
        let (code, name) = (option.value(), option.text());
        let texts = [&*code, &*name].into_iter().chain(also.split('|')).map(fold);
        Self { texts: texts.filter(|text| !text.is_empty()).collect(), option }
    }

    /// Ranks how well the option matches: by a whole text, by the beginning of one, by another part; `None` means no match. A code
    /// matches only as a whole: its letters say nothing about others.
    fn rank(&self, wanted: &str) -> Option<u8> {
        let names = || self.texts.iter().skip(1);
        match wanted {
            _ if self.texts.iter().any(|text| text == wanted) => Some(EXACT),
            _ if names().any(|name| name.starts_with(wanted)) => Some(1),
            _ if names().any(|name| name.contains(wanted)) => Some(2),
            _ => None,
        }
    }
}

#[island]
pub fn SearchOptions(children: Children) -> impl IntoView {
    let node = NodeRef::new();
    let found = RwSignal::new(String::new());
    // Several options match, and none of them was named exactly: Enter must not choose for the person.
    let is_open = StoredValue::new(false);
    let all = StoredValue::new_local(Vec::<Known>::new());
    super::on_wake(node, move |root| {
        all.set_value(super::find_all(&root, "option").into_iter().map(Known::of).collect())
    });
    let select = move || super::find::<HtmlSelectElement>(&node.get_untracked()?.into(), "select");
    let search = move |event| {
        let Some(select) = select() else { return };
        let wanted = fold(&event_target_value(&event));
        let searching = !wanted.is_empty();
        let mut shown = all.get_value();
        let mut alone = None;
        if searching {
            // The prompt has no value: it is no country.
            shown.retain(|known| !known.option.value().is_empty() && known.rank(&wanted).is_some());
            // The sort is stable: options of one rank stay in the order of the page.
            shown.sort_by_key(|known| known.rank(&wanted));
            let exact = shown.iter().filter(|known| known.rank(&wanted) == Some(EXACT)).count();
            alone = shown.first().filter(|_| shown.len() == 1 || exact == 1).map(|known| known.option.text());
        }
        select.set_text_content(None);
        for known in &shown {
            let _ = select.append_child(&known.option);
        }
        is_open.set_value(searching && alone.is_none());
        // Nothing is selected unless it matches alone, so that the form sends no country that the person did not choose.
        select.set_selected_index(if searching && alone.is_none() { -1 } else { 0 });
        // A `select` of one row would be a closed drop-down list again.
        let rows = (shown.len() as u32).clamp(2, ROWS);
        select.set_size(if searching { rows } else { 0 });
        found.set(match (shown.len(), alone) {
            _ if !searching => String::new(),
            (0, _) => "No country matches.".to_owned(),
            (_, Some(name)) => format!("Enter chooses {name}."),
            (many, None) => format!("{many} countries match. Choose one below, or type more."),
        });
    };
    let steer = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" if is_open.get_value() => event.prevent_default(),
        "ArrowDown" | "ArrowUp" => {
            if let Some(select) = select() {
                event.prevent_default();
                if select.selected_index() < 0 {
                    select.set_selected_index(0);
                }
                let list: &HtmlElement = &select;
                let _ = list.focus();
            }
        }
        _ => {}
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
            <span class="hint" role="status">
                {move || found.get()}
            </span>
            {children()}
        </span>
    }
}
