//! What an administrator does after the first encryption key of the portal.

use crate::scopes::scope::ScopeName;

/// The steps after the first encryption key, each derived from what exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextSteps {
    /// The scope that got the first encryption key of the portal.
    pub scope: ScopeName,
    /// An API key reaches the scope, or reached it.
    pub has_api_key: bool,
    /// A service has encrypted or decrypted in the scope.
    pub is_used: bool,
    /// There is another administrator, or was.
    pub has_second_administrator: bool,
    pub has_backup: bool,
}

/// One of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    ApiKey,
    Service,
    Administrator,
    Backup,
}

impl NextSteps {
    /// Returns the steps in their order, and whether each is done.
    pub fn all(&self) -> [(NextStep, bool); 4] {
        [
            (NextStep::ApiKey, self.has_api_key),
            (NextStep::Service, self.is_used),
            (NextStep::Administrator, self.has_second_administrator),
            (NextStep::Backup, self.has_backup),
        ]
    }

    pub fn are_done(&self) -> bool {
        self.all().iter().all(|(_, is_done)| *is_done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_done_when_each_is() {
        let scope: ScopeName = "production/DE".parse().expect("a scope");
        let of = |flags: [bool; 4]| {
            let [has_api_key, is_used, has_second_administrator, has_backup] = flags;
            NextSteps { scope: scope.clone(), has_api_key, is_used, has_second_administrator, has_backup }
        };
        assert!(of([true; 4]).are_done());
        for open in 0..4 {
            let mut flags = [true; 4];
            flags[open] = false;
            let steps = of(flags);
            assert!(!steps.are_done() && !steps.all()[open].1);
        }
    }
}
