//! Says before the end of the session that it ends, and prolongs it. Other tabs may have prolonged it, so the island asks the server
//! first; asking prolongs nothing.

use super::countdown::words;
use domain::base::address;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;
use web_sys::wasm_bindgen::JsCast;
use web_sys::{Element, RequestInit, Response};

/// Seconds before the end at which the notice appears.
const EARLY: f64 = 120.0;
/// Seconds between two questions to the server.
const PAUSE: f64 = 10.0;

/// Asks the server how long the session lasts, and shows that. `None`: it is over, or the server does not answer.
async fn ask(method: &str, notice: &Element) -> Option<f64> {
    let request = RequestInit::new();
    request.set_method(method);
    // An empty form: Keystead takes nothing else by POST.
    let headers = js_sys::Object::new();
    let _ =
        js_sys::Reflect::set(&headers, &"content-type".into(), &"application/x-www-form-urlencoded".into());
    request.set_headers(&headers);
    let answer = JsFuture::from(window().fetch_with_str_and_init(address::SESSION, &request)).await.ok()?;
    let text = JsFuture::from(answer.dyn_into::<Response>().ok()?.text().ok()?).await.ok()?.as_string()?;
    // Without a session the answer is the sign-in page. Whole seconds, as in `countdown`.
    let (left, is_final) = text.strip_suffix(" final").map_or((text.as_str(), false), |left| (left, true));
    let left: i64 = left.parse().ok()?;
    set(notice, "data-final", is_final);
    set(notice, "hidden", left as f64 > EARLY);
    set(notice, "data-over", false);
    Some(left as f64)
}

fn set(notice: &Element, name: &str, is_set: bool) {
    let _ = notice.toggle_attribute_with_force(name, is_set);
}

fn now() -> f64 {
    js_sys::Date::now() / 1000.0
}

#[island]
pub fn SessionEnd(children: Children) -> impl IntoView {
    let node = NodeRef::<leptos::html::Span>::new();
    let end = StoredValue::new(f64::INFINITY);
    super::on_wake(node, move |root| {
        let Some(notice) = super::find::<Element>(&root, ".session-end") else { return };
        let left: i64 =
            notice.get_attribute("data-left").and_then(|left| left.parse().ok()).unwrap_or_default();
        end.set_value(now() + left as f64);
        let asked = StoredValue::new(f64::NEG_INFINITY);
        let tick = move || {
            let left = end.get_value() - now();
            if left > EARLY {
                return;
            }
            if let Some(shown) = super::find::<Element>(&notice, ".left") {
                shown.set_text_content(Some(&words(left as i64)));
            }
            // While the notice counts down, there is nothing to ask.
            let is_over = left <= 0.0;
            let is_shown = !notice.has_attribute("hidden");
            if (is_shown && !is_over) || now() - asked.get_value() < PAUSE {
                return;
            }
            asked.set_value(now());
            let notice = notice.clone();
            spawn_local(async move {
                match ask("GET", &notice).await {
                    Some(left) => end.set_value(now() + left),
                    None => {
                        set(&notice, "hidden", false);
                        set(&notice, "data-over", is_over);
                    }
                }
            });
        };
        set_interval(tick, std::time::Duration::from_secs(1));
    });
    let stay = move |event: leptos::ev::MouseEvent| {
        let clicked = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let button = clicked.filter(|element| element.local_name() == "button");
        let Some(notice) = button.and_then(|button| button.parent_element()) else { return };
        spawn_local(async move {
            if let Some(left) = ask("POST", &notice).await {
                end.set_value(now() + left);
            }
        });
    };
    view! {
        <span class="island" node_ref=node on:click=stay>
            {children()}
        </span>
    }
}
