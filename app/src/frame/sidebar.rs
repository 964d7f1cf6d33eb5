//! The navigation. On a phone it is a sheet that the browser itself opens (`popover`).

use crate::frame::brand::Brand;
use crate::frame::tree::Tree;
use crate::islands::tree_filter::TreeFilter;
use crate::ui::icon::{Draw, Icon};
use domain::base::address;
use domain::overview::view;
use leptos::prelude::*;

#[component]
pub fn Sidebar(path: String, filter: String, tree: view::Tree) -> impl IntoView {
    let here = |href: &str| (path == href).then_some("page");
    let [overview, environments, audit, api_keys] =
        [address::HOME, address::ENVIRONMENTS, address::AUDIT, address::API_KEYS].map(here);
    let has_tree = !tree.environments.is_empty();
    view! {
        <nav class="sidebar" id="menu" popover="auto" aria-label="Main">
            <div class="sidebar-head">
                <a class="sidebar-brand" href="/">
                    <Brand />
                </a>
                <button
                    class="icon-button phone-only"
                    r#type="button"
                    popovertarget="menu"
                    popovertargetaction="hide"
                    aria-label="Close menu"
                >
                    <Draw icon=Icon::Close />
                </button>
            </div>
            <a class="sidebar-link" href=address::HOME aria-current=overview>
                "Overview"
            </a>
            <a class="sidebar-link" href=address::ENVIRONMENTS aria-current=environments>
                "Environments"
            </a>
            {has_tree
                .then(|| {
                    view! {
                        <TreeFilter>
                            <form class="tree-filter" role="search">
                                <Draw icon=Icon::Search />
                                <input
                                    class="input"
                                    r#type="search"
                                    name="filter"
                                    value=filter.clone()
                                    aria-label="Filter environments and countries"
                                    placeholder="Filter"
                                    autocomplete="off"
                                />
                            </form>
                            <div class="sidebar-tree">
                                <Tree tree path filter />
                            </div>
                        </TreeFilter>
                    }
                })}
            <div class="sidebar-foot">
                <a class="sidebar-link" href=address::AUDIT aria-current=audit>
                    "Audit log"
                </a>
                <a class="sidebar-link" href=address::API_KEYS aria-current=api_keys>
                    "API keys"
                </a>
            </div>
        </nav>
    }
    .into_any()
}
