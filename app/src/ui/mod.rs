//! Components of any page, one per file, each with a stylesheet of the same name.

pub mod badge;
pub mod breadcrumb;
pub mod button;
pub mod callout;
pub mod card;
pub mod check_list;
pub mod checkbox;
pub mod code_field;
pub mod copy;
pub mod danger_form;
pub mod empty;
pub mod facts;
pub mod field;
pub mod flash;
pub mod form;
pub mod icon;
pub mod meter;
pub mod more;
pub mod pagination;
pub mod plot;
pub mod radio_cards;
pub mod select;
pub mod stepper;
pub mod table;
pub mod text_area;
pub mod theme_switch;
