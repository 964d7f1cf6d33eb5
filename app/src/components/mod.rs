//! Parts of pages. What knows nothing of keys and scopes is in [`ui`].

pub mod aws_fields;
pub mod brand;
pub mod change_steps;
pub mod check_now;
pub mod countries;
pub mod country_name;
pub mod danger_form;
pub mod data_flow;
pub mod frame;
pub mod health_badge;
pub mod lease_card;
pub mod limits_card;
pub mod limits_today;
pub mod moment;
pub mod outside;
pub mod page_head;
pub mod preflight;
pub mod rotation_period;
pub mod sidebar;
pub mod status_badge;
pub mod top_bar;
pub mod ui;
