//! `bench floor`: a server that checks nothing. It answers each message with itself (`echo`), or with the answer of the real
//! server once the row is durable (`durable`).

use std::{io::Write as _, path::PathBuf, sync::Arc, thread};

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::body::Bytes;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::TLS13,
};
use shared::frame::{Append, Appended, ClientFrame, ServerFrame};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    floor::{GROUP, Log},
    person::now,
    place::buffers,
};

/// A row to store and where its answer goes.
struct Job {
    row: Append,
    answer: mpsc::UnboundedSender<Bytes>,
}

/// Serves until it is killed. `certs` is the folder of the server's own certificate.
pub(crate) async fn serve(certs: PathBuf, database: Option<PathBuf>) -> Result<()> {
    let chain = CertificateDer::pem_file_iter(certs.join("cert.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(certs.join("key.pem"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let tls = TlsAcceptor::from(Arc::new(config));
    let jobs = database.map(writer).transpose()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(socket(tls.clone(), stream, jobs.clone()));
    }
}

/// One thread writes and commits in groups, as in the server.
fn writer(database: PathBuf) -> Result<mpsc::Sender<Job>> {
    let mut log = Log::open(&database)?;
    let (send, mut receive) = mpsc::channel::<Job>(4_096);
    thread::spawn(move || {
        let mut group = Vec::with_capacity(GROUP);
        while receive.blocking_recv_many(&mut group, GROUP) > 0 {
            if let Err(error) = log.store(group.iter().map(|job| &job.row)) {
                eprintln!("bench floor: {error:#}");
                return;
            }
            for job in group.drain(..) {
                let answer = ServerFrame::Appended(Appended { request: job.row.request, number: job.row.n + 1, at: now() });
                // A client that is gone needs no answer.
                let _ = job.answer.send(answer.encode().into());
            }
        }
    });
    Ok(send)
}

async fn socket(tls: TlsAcceptor, stream: TcpStream, jobs: Option<mpsc::Sender<Job>>) -> Result<()> {
    let stream = tls.accept(stream).await?;
    let (mut sink, mut stream) = tokio_tungstenite::accept_async_with_config(stream, Some(buffers())).await?.split();
    let Some(jobs) = jobs else {
        while let Some(message) = stream.next().await {
            if let Message::Binary(bytes) = message? {
                sink.send(Message::Binary(bytes)).await?;
            }
        }
        return Ok(());
    };
    let (answer, mut answers) = mpsc::unbounded_channel();
    let read = async {
        while let Some(message) = stream.next().await {
            if let Message::Binary(bytes) = message? {
                let ClientFrame::Append(row) = ClientFrame::decode(&bytes)? else { bail!("not a row") };
                jobs.send(Job { row, answer: answer.clone() }).await.context("the writer is gone")?;
            }
        }
        bail!("the socket ended")
    };
    let write = async {
        while let Some(bytes) = answers.recv().await {
            sink.send(Message::Binary(bytes)).await?;
        }
        Ok(())
    };
    tokio::select! {
        done = read => done,
        done = write => done,
    }
}
