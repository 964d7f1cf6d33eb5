//! The state that all handlers share.

use crate::settings::Settings;
use crate::web::assets;
use crate::web::guard::Limits;
use crate::web::once::Once;
use crate::web::proxies::Proxies;
use engine::Portal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

/// The running application; clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    portal: Portal,
    public_url: Url,
    brand: String,
    issuer: String,
    proxies: Proxies,
    /// Names of hosts that requests asked for, and that Keystead does not answer for.
    unknown_hosts: Once<String>,
    assets: String,
    is_draining: AtomicBool,
    /// Load limits of the doors.
    doors: Limits,
}

impl App {
    pub fn new(portal: Portal, settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            portal,
            public_url: settings.web.public_url.clone(),
            brand: settings.web.brand(),
            issuer: settings.web.issuer(),
            proxies: Proxies::new(&settings.web),
            unknown_hosts: Once::default(),
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

    /// Returns the heading of every page.
    pub fn brand(&self) -> &str {
        &self.0.brand
    }

    /// Returns the name of this installation in authenticator apps.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    pub fn is_https(&self) -> bool {
        self.0.public_url.scheme() == "https"
    }

    pub fn proxies(&self) -> &Proxies {
        &self.0.proxies
    }

    pub fn unknown_hosts(&self) -> &Once<String> {
        &self.0.unknown_hosts
    }

    /// Returns the folder of the assets: `/assets/` and a hash of all of them.
    pub fn assets(&self) -> &str {
        &self.0.assets
    }

    /// Returns the load limits of the data plane. It has its own, so that neither it nor the portal starves the other.
    pub fn doors(&self) -> &Limits {
        &self.0.doors
    }

    /// Makes `/readyz` fail from now on, so that the load balancer sends no more requests.
    pub fn drain(&self) {
        self.0.is_draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Relaxed)
    }
}
