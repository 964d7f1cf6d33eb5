//! A customer's key as it is stored.

use crate::custody::aws::{EncryptedDataKey, KeyArn, Region};

/// A customer's key as it is stored: the CMK, and the data key encrypted under it.
#[derive(Clone, Debug)]
pub struct CustomerKey {
    pub region: Region,
    pub cmk: KeyArn,
    pub data_key: EncryptedDataKey,
}
