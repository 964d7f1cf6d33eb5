//! Pages of a list, counted from 1.

/// One page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of the page.
    pub number: usize,
    /// Number of entries on a full page.
    size: usize,
    /// Number of entries on all pages.
    pub all: usize,
}

impl Page {
    /// Returns page `number` of a list of `all` entries, or the nearest page that exists.
    pub fn of(all: usize, size: usize, number: usize) -> Self {
        Self { number: number.clamp(1, all.div_ceil(size).max(1)), size, all }
    }

    /// Returns the positions of the page's entries, counted from 0.
    pub fn range(self) -> std::ops::Range<usize> {
        let from = (self.number - 1) * self.size;
        from..(from + self.size).min(self.all)
    }

    pub fn previous(self) -> Option<usize> {
        (self.number > 1).then(|| self.number - 1)
    }

    pub fn next(self) -> Option<usize> {
        (self.range().end < self.all).then_some(self.number + 1)
    }

    /// Checks whether the list has more than this page.
    pub fn is_part(self) -> bool {
        self.all > self.size
    }

    /// Describes the page: "51–100 of 120".
    pub fn label(self) -> String {
        let range = self.range();
        match range.is_empty() {
            true => format!("0 of {}", self.all),
            false => format!("{}–{} of {}", range.start + 1, range.end, self.all),
        }
    }

    /// Describes the page of a list that begins with its last entry: "71–120 of 120" is its first page of 50.
    pub fn label_from_last(self) -> String {
        let range = self.range();
        match range.is_empty() {
            true => self.label(),
            false => format!("{}–{} of {}", self.all - range.end + 1, self.all - range.start, self.all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_entries_and_its_neighbours() {
        let page = Page::of(120, 50, 3);
        assert_eq!((page.range(), page.label().as_str()), (100..120, "101–120 of 120"));
        assert_eq!((page.previous(), page.next()), (Some(2), None));
        let first = Page::of(120, 50, 1);
        assert_eq!((first.previous(), first.next(), first.is_part()), (None, Some(2), true));
        assert_eq!(Page::of(50, 50, 1).next(), None);
    }

    #[test]
    fn a_page_that_does_not_exist_is_the_nearest_one() {
        assert_eq!(Page::of(120, 50, 99).number, 3);
        assert_eq!(Page::of(120, 50, 0).number, 1);
        let empty = Page::of(0, 50, 7);
        assert_eq!((empty.number, empty.range(), empty.label().as_str()), (1, 0..0, "0 of 0"));
    }
}
