//! What every handler shares.

use crate::settings::Settings;
use crate::web::assets;
use crate::web::guard::Limits;
use engine::Portal;
use ipnet::IpNet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

/// The running application; clones are the same one.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    portal: Portal,
    public_url: Url,
    trusted_proxies: Vec<IpNet>,
    assets: String,
    is_draining: AtomicBool,
    /// Of the doors.
    doors: Limits,
}

impl App {
    pub fn new(portal: Portal, settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            portal,
            public_url: settings.web.public_url.clone(),
            trusted_proxies: settings.web.trusted_proxies.clone(),
            assets: assets::base(),
            is_draining: AtomicBool::new(false),
            doors: Limits::data_plane(),
        }))
    }

    pub fn portal(&self) -> &Portal {
        &self.0.portal
    }

    pub fn public_url(&self) -> &Url {
        &self.0.public_url
    }

    pub fn is_https(&self) -> bool {
        self.0.public_url.scheme() == "https"
    }

    pub fn trusted_proxies(&self) -> &[IpNet] {
        &self.0.trusted_proxies
    }

    /// The folder of the assets: `/assets/` and a hash of all of them.
    pub fn assets(&self) -> &str {
        &self.0.assets
    }

    /// The data plane has limits of its own, so that neither it nor the portal starves the other.
    pub fn doors(&self) -> &Limits {
        &self.0.doors
    }

    /// From now on `/readyz` says no, so that the balancer sends nobody any more.
    pub fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Relaxed)
    }
}
