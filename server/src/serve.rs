//! `sotto serve`: puts everything together, says `ready`, and goes down in good order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use server_core::{Rules, Store, jobs, rules};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    app::{App, BODY_UNITS, Pace, Stage},
    assets::Assets,
    certificates::{Current, Identity, Origin, trust_lines},
    config::{Config, Registration},
    data_dir::{DataDir, Lock},
    http::router,
    hub::Hub,
    keys, listen, logs,
    origins::Origins,
    store_threads::{Running, StoreThreads, World},
    tickets::Tickets,
    tls,
};

/// Connections that are still busy after this are cut.
const LAST_WORDS: Duration = Duration::from_secs(6);
/// Expired attempts, sessions and the like are removed this often.
const PURGE: Duration = Duration::from_secs(60);
/// The certificate is looked at this often.
const RENEWAL: Duration = Duration::from_secs(6 * 3_600);

/// Runs until a signal asks to stop.
///
/// # Errors
/// When the server can't start.
pub fn run(config: Config) -> Result<()> {
    logs::start(config.log);
    let runtime = Builder::new_multi_thread().enable_all().build().context("no threads can be made")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let limits = &config.limits;
        let pace = Pace { rows_per_second: limits.rows_per_second, rows_at_once: limits.rows_at_once, ..Pace::default() };
        let server = Server::start(&config, pace).await?;
        server.announce(&config);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        server.stop().await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    addresses: Vec<SocketAddr>,
    identity: Identity,
    stage: watch::Sender<Stage>,
    gone: mpsc::Receiver<()>,
    threads: Running,
    jobs: Vec<JoinHandle<()>>,
    _lock: Lock,
}

impl Server {
    /// Starts everything; when this returns, connections are accepted.
    ///
    /// # Errors
    /// When folder, keys, certificates, database or addresses can't be used.
    pub async fn start(config: &Config, pace: Pace) -> Result<Self> {
        let folder = DataDir::open(&config.data_dir)?;
        let lock = folder.lock()?;
        let identity = Identity::obtain(config, &folder)?;
        let world = Arc::new(World { rules: rules_of(config), keys: keys::obtain(&folder)? });
        let listeners: Vec<TcpListener> = config
            .listen
            .iter()
            .map(|address| listen::bind(*address).with_context(|| format!("listen: {address} can't be used")))
            .collect::<Result<_>>()?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<std::io::Result<Vec<_>>>()?;
        let hub = Arc::new(Hub::default());
        let (store, threads) = open_store(&folder, Arc::clone(&world), &hub).await?;
        let (stage, stage_seen) = watch::channel(Stage::Running);
        let app = Arc::new(App {
            store: Arc::new(store),
            hub,
            tickets: Tickets::default(),
            origins: Origins::new(&identity, &addresses, config.public_url.as_ref()),
            assets: Assets::new(config.web_dir.clone()),
            hsts: identity.origin == Origin::Own,
            bodies: Arc::new(Semaphore::new(BODY_UNITS)),
            pace,
            stage: stage_seen.clone(),
        });
        let current = Arc::new(Current::new(Arc::clone(&identity.key)));
        let acceptor = TlsAcceptor::from(Arc::new(tls::config(Arc::clone(&current))?));
        let (alive, gone) = mpsc::channel(1);
        let gate = listen::Gate::new(Arc::clone(&app), router::router(Arc::clone(&app)), &config.limits, alive);
        let mut jobs = vec![tokio::spawn(purge(Arc::clone(&app))), tokio::spawn(renew(config.clone(), folder, current))];
        for listener in listeners {
            jobs.push(tokio::spawn(listen::accept(Arc::clone(&gate), listener, acceptor.clone(), stage_seen.clone())));
        }
        tracing::info!(addresses = ?addresses, version = env!("CARGO_PKG_VERSION"), "started");
        Ok(Self { app, addresses, identity, stage, gone, threads, jobs, _lock: lock })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How many sockets live.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.app.hub.count()
    }

    /// The lines of the start (api.md "Commands"), ending in `ready`.
    fn announce(&self, config: &Config) {
        for url in self.app.origins.urls_at(&self.addresses) {
            println!("open {url}");
        }
        println!("data folder {}", config.data_dir.display());
        for line in trust_lines(&self.identity) {
            println!("{line}");
        }
        println!("ready");
    }

    /// Stops accepting, tells sockets to come back, finishes commits. Takes less than ten seconds.
    pub async fn stop(self) {
        let Self { app, stage, mut gone, threads, jobs, .. } = self;
        let _ = stage.send(Stage::Stopping);
        for job in jobs {
            // The accept loops end by themselves; the clocks are cut.
            if timeout(Duration::from_millis(200), async {
                while !job.is_finished() {
                    sleep(Duration::from_millis(5)).await
                }
            })
            .await
            .is_err()
            {
                job.abort();
            }
        }
        let _ = timeout(LAST_WORDS, gone.recv()).await;
        app.store.stop().await;
        let _ = tokio::task::spawn_blocking(move || threads.join()).await;
    }
}

fn rules_of(config: &Config) -> Rules {
    let minute = 60_000;
    Rules {
        registration: match config.registration {
            Registration::Open => rules::Registration::Open,
            Registration::Closed => rules::Registration::Closed,
        },
        session_idle: config.limits.session_idle_seconds.saturating_mul(1_000),
        login_pair: rules::Budget::of(config.limits.logins_per_minute.max(1), minute),
        ..Rules::default()
    }
}

async fn open_store(folder: &DataDir, world: Arc<World>, hub: &Arc<Hub>) -> Result<(StoreThreads, Running)> {
    let (folder, hub) = (folder.clone(), Arc::clone(hub));
    let opening = move || {
        let path = folder.database();
        let mut store = Store::open(&path).with_context(|| format!("{} can't be used", path.display()))?;
        keys::settle_epoch(&mut store, &folder, &world)?;
        StoreThreads::start(store, &path, world, hub)
    };
    tokio::task::spawn_blocking(opening).await.context("the database could not be opened")?
}

async fn purge(app: Arc<App>) {
    loop {
        sleep(PURGE).await;
        match app.store.write(jobs::purge).await {
            Ok(removed) => tracing::debug!(removed, "purged"),
            Err(refusal) => {
                crate::http::refusal::log(&refusal);
            }
        }
    }
}

/// A local certificate that ends soon, or whose names have changed, is replaced while running.
async fn renew(config: Config, folder: DataDir, current: Arc<Current>) {
    if config.own_certificate.is_some() {
        return;
    }
    loop {
        sleep(RENEWAL).await;
        let (config, folder) = (config.clone(), folder.clone());
        match tokio::task::spawn_blocking(move || Identity::obtain(&config, &folder)).await {
            Ok(Ok(identity)) => current.replace(identity.key),
            Ok(Err(error)) => tracing::warn!(%error, "the certificate could not be looked at"),
            Err(_) => {}
        }
    }
}
