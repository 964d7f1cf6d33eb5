//! The frame around every page.

pub mod brand;
pub mod change_steps;
pub mod layout;
pub mod moment;
pub mod outside;
pub mod page_head;
pub mod session_notice;
pub mod shown_once;
pub mod sidebar;
pub mod top_bar;
pub mod tree;
pub mod unsaved;
