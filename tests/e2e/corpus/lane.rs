//! One way of holding over one protocol: case after case, on connections that are kept while they can be.

use std::collections::BTreeMap;
use std::io;

use super::{Peers, Sent, listener_name, wire};
use crate::fixture::Site;
use crate::support::client::{Client, Connection, Response};
use crate::support::corpus::{Entry, Framing, Protocol};
use crate::support::h2client::{H2Client, H2Connection};
use crate::support::listener::Hold;

/// Sends the cases that are meant for this way, of all cases each `count`th from the `first` on.
pub(super) fn run(
    site: &Site,
    peers: &Peers,
    entries: &[Entry],
    (hold, protocol): (Hold, Protocol),
    (first, count): (usize, usize),
) -> Vec<Sent> {
    let mut lane = Lane { site, peers, hold, http1: BTreeMap::new(), http2: BTreeMap::new() };
    let meant = |entry: &Entry| entry.holds.contains(&hold) && entry.protocols.contains(&protocol);
    let meant = entries.iter().enumerate().skip(first).step_by(count).filter(|(_, entry)| meant(entry));
    meant
        .map(|(index, entry)| {
            let id = format!("{}-{}-{index}", hold.label(), protocol.word());
            let outcome = match protocol {
                Protocol::Http1 => lane.over_http1(entry, &id),
                Protocol::Http2 => lane.over_http2(entry, &id),
            };
            Sent { id, entry: index, hold, protocol, outcome: outcome.map_err(|error| error.to_string()) }
        })
        .collect()
}

/// Connections that are open, by listener and caller.
struct Lane<'a> {
    site: &'a Site,
    peers: &'a Peers,
    hold: Hold,
    http1: BTreeMap<String, Connection>,
    http2: BTreeMap<String, H2Connection>,
}

impl Lane<'_> {
    fn over_http1(&mut self, entry: &Entry, id: &str) -> io::Result<Option<Response>> {
        let (place, listener) = self.place(entry);
        let mut connection = match self.http1.remove(&place) {
            Some(connection) => connection,
            None => self.client(&listener, entry).connect()?,
        };
        let answer = wire::over_http1(&mut connection, &entry.request, id)?;
        // Only a request that was read to its end leaves a connection that is surely in step.
        let is_kept = answer.as_ref().is_some_and(|it| it.status == 200 && it.head.header("connection").is_none());
        if is_kept && entry.request.framing != Framing::AsIs {
            self.http1.insert(place, connection);
        }
        Ok(answer)
    }

    fn over_http2(&mut self, entry: &Entry, id: &str) -> io::Result<Option<Response>> {
        let (place, listener) = self.place(entry);
        let mut connection = match self.http2.remove(&place) {
            Some(connection) => connection,
            None => {
                let leaf = self.peers.leaf(&entry.peer);
                H2Client::tls(self.site.envoy.address(&listener), &self.site.pki.ca, leaf).connect()?
            }
        };
        let answer = wire::over_http2(&mut connection, &entry.request, id)?;
        if answer.is_some() && !connection.is_closing() {
            self.http2.insert(place, connection);
        }
        Ok(answer)
    }

    fn place(&self, entry: &Entry) -> (String, String) {
        let listener = listener_name(&entry.policy, self.hold);
        (format!("{listener} {}", entry.peer), listener)
    }

    fn client(&self, listener: &str, entry: &Entry) -> Client {
        self.site.client(listener, self.peers.leaf(&entry.peer))
    }
}
