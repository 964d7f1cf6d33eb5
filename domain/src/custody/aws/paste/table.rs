//! Tables as `--output table` draws them: a name beside each value, or names above the values. Long values may continue in
//! the rows below.

use crate::custody::aws::paste::{Field, Pasted};
use zeroize::Zeroizing;

/// The rows of one table that have been read so far.
#[derive(Default)]
pub(super) struct Table {
    /// The names of the columns; one name when names stand beside their values.
    names: Vec<String>,
    values: Vec<Zeroizing<String>>,
    is_upright: bool,
}

impl Table {
    /// Reads a row, or a separator line between rows.
    pub(super) fn row(&mut self, row: &str, found: &mut Pasted) {
        let row = row.trim_matches('|');
        if row.chars().all(|c| "+-=| ".contains(c)) && row.contains('-') {
            // A separator line between names and values does not end the table.
            if !self.values.is_empty() {
                self.end(found);
            }
            return;
        }
        let cells: Vec<&str> = row.split('|').map(str::trim_ascii).collect();
        let is_name = |cell: &&str| Field::named(cell).is_some();
        match cells.as_slice() {
            ["", value] if self.is_upright => self.go_on(&[value]),
            cells if !self.is_upright && cells.len() == self.names.len() && !cells.iter().any(is_name) => {
                // A row that continues values has an empty cell where one has ended. Another full row is a new record: ignored.
                if self.values.is_empty() || cells.contains(&"") {
                    self.go_on(cells);
                }
            }
            [name, value] if is_name(name) && !is_name(value) => {
                self.begin(&[name], true, found);
                self.go_on(&[value]);
            }
            cells if cells.iter().any(is_name) => self.begin(cells, false, found),
            _ => self.end(found),
        }
    }

    /// Takes the complete values that have been read, and starts anew.
    pub(super) fn end(&mut self, found: &mut Pasted) {
        let Self { names, values, .. } = std::mem::take(self);
        for (name, value) in names.iter().zip(&values) {
            found.take(name, value);
        }
    }

    fn begin(&mut self, names: &[&str], is_upright: bool, found: &mut Pasted) {
        self.end(found);
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        self.is_upright = is_upright;
    }

    fn go_on(&mut self, cells: &[&str]) {
        self.values.resize_with(cells.len(), Zeroizing::default);
        self.values.iter_mut().zip(cells).for_each(|(value, cell)| value.push_str(cell));
    }
}
