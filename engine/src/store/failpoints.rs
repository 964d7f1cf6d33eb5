//! Points at which tests make a transaction fail: at its beginning, before each statement, before and
//! after its commit. Without the feature `failpoints` they do nothing.

use crate::Error;

macro_rules! failpoint {
    ($name:ident) => {
        #[inline]
        pub fn $name() -> Result<(), Error> {
            // It counts as an outage, not as a conflict, so the transaction is not tried again.
            #[cfg(feature = "failpoints")]
            fail::fail_point!(stringify!($name), |_| Err(Error::from(sqlx::Error::WorkerCrashed)));
            Ok(())
        }
    };
}

failpoint!(begin);
failpoint!(statement);
failpoint!(commit);
failpoint!(committed);
