//! The generator against a server in this process: what it sends is what the server takes, commits included.

use std::time::Duration;

use server::{
    app::Pace,
    config::{Config, Layer},
    serve::Server,
};
use shared::limits::ROWS_IN_EPOCH;

use crate::{
    pair::Pair,
    place::Place,
    process::Folder,
    traffic::{self, Load},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_exchanges_more_rows_than_an_epoch_may_have_and_logs_in_again() {
    let folder = Folder::new().unwrap();
    let layer = Layer {
        data_dir: Some(folder.path().display().to_string()),
        listen: Some(vec!["127.0.0.1:0".to_owned()]),
        ..Layer::default()
    };
    let config = Config::resolve(layer, &|_| None, None).unwrap();
    let server = Server::start(&config, Pace::default()).await.unwrap();
    let place = Place::new(server.addresses()[0], &folder.path().join("certs/ca.pem")).unwrap();

    let mut pair = Pair::new(&place, 0).await.unwrap();
    pair.connect().await.unwrap();
    let rows = ROWS_IN_EPOCH + 5;
    pair.refill(usize::try_from(rows).unwrap());
    let (pairs, seen) = traffic::run(vec![pair], Load::Outstanding(16), Duration::from_secs(120)).await.unwrap();
    assert_eq!((seen.rows, seen.latencies.len() as u64), (rows, rows), "every row was acknowledged");
    assert_eq!(pairs[0].number, 1 + rows + 1, "a commit before, one in between; both have all of them");

    let mut pair = pairs.into_iter().next().unwrap();
    pair.writer.log_in().await.unwrap();
    pair.refill(10);
    pair.connect().await.unwrap();
    let (_, seen) = traffic::run(vec![pair], Load::PerSecond(100), Duration::from_secs(60)).await.unwrap();
    assert_eq!(seen.rows, 10);
    server.stop().await;
}
