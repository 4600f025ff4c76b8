//! Whole sessions of the official SDKs through the filter, each with each, in every version of MCP that both speak:
//! connect, list, use what is granted, be refused in between, go on, and an orderly end.
//!
//! `make interop` runs all of them (`SESSIONS=all`), in every way of holding and once without the filter; without that
//! a few stand for all.

mod sdk;
pub(crate) mod site;
mod table;

use std::sync::Mutex;
use std::thread;

use sdk::{Client, MODES, Server};
use site::{Guard, Site};
use table::{Row, Table};

use crate::support::listener::Hold;

/// Sessions at a time.
const WORKERS: usize = 3;

/// All ways of holding.
pub(crate) const HOLDS: [Hold; 3] = [Hold::Headers, Hold::BodyWithBuffer, Hold::Body];

/// What the steps of a session are called, in their order.
pub(crate) const STEPS: [&str; 18] = [
    "connect",
    "list_tools",
    "granted_call",
    "refused_call",
    "granted_again",
    "list_prompts",
    "get_prompt",
    "refused_prompt",
    "list_resources",
    "read_resource",
    "refused_resource",
    "subscribe",
    "refused_subscribe",
    "ask_user",
    "refused_last",
    "granted_last",
    "task",
    "end",
];

/// The sessions that stand for all: server, client, mode. Each SDK on both sides, each version, HTTP+SSE.
const SHORT: [(&str, &str, &str); 18] = [
    ("Python 1.x", "Python 1.x", "2025-11-25"),
    ("Python 1.x", "TypeScript 1.x", "sse"),
    ("Python 1.x", "Go", "2025-06-18"),
    ("Python 1.x", "Rust", "auto"),
    ("Python 2.x", "Python 2.x", "2026-07-28"),
    ("Python 2.x", "TypeScript 2.x", "2026-07-28"),
    ("Python 2.x", "Python 1.x", "2025-03-26"),
    ("TypeScript 1.x", "TypeScript 1.x", "2024-11-05"),
    ("TypeScript 1.x", "Python 2.x", "2025-11-25"),
    ("TypeScript 1.x", "Go", "sse"),
    ("TypeScript 2.x", "TypeScript 2.x", "2026-07-28"),
    ("TypeScript 2.x", "Rust", "2026-07-28"),
    ("TypeScript 2.x", "TypeScript 1.x", "2025-11-25"),
    ("Go", "Go", "2026-07-28"),
    ("Go", "TypeScript 2.x", "sse"),
    ("Go", "Python 2.x", "auto"),
    ("Rust", "Rust", "2026-07-28"),
    ("Rust", "TypeScript 2.x", "2025-06-18"),
];

#[test]
fn whole_sessions_of_every_sdk_with_refusals_in_between() {
    let all = std::env::var("SESSIONS").is_ok_and(|which| which == "all");
    let mut table = Table::default();
    for server in sdk::SERVERS {
        let jobs: Vec<(Client, &'static str)> = sdk::CLIENTS
            .into_iter()
            .flat_map(|client| MODES.map(|mode| (client, mode)))
            .filter(|(client, mode)| client.speaks(mode) && server.speaks(mode))
            .filter(|(client, mode)| all || SHORT.contains(&(server.name, client.name, mode)))
            .collect();
        table.rows.extend(sessions(server, &jobs, all));
    }
    println!("{table}");
    assert_eq!(table.faults(), Vec::<String>::new());
}

/// Runs these sessions with one server, and looks at what really ran on it.
fn sessions(server: Server, jobs: &[(Client, &'static str)], all: bool) -> Vec<Row> {
    let guarded = Site::start(server, Guard::Filter);
    let direct = all.then(|| Site::start(server, Guard::None));
    let (next, rows) = (Mutex::new(jobs.iter().enumerate()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some((at, (client, mode))) = next.lock().expect("no worker fails with it").next() else {
                        break;
                    };
                    let holds = if all { HOLDS.to_vec() } else { vec![Hold::TIGHT[at % 2]] };
                    let through = holds.iter().map(|hold| (*hold, guarded.run(*client, mode, hold.label()))).collect();
                    let control = direct.as_ref().map(|site| site.run(*client, mode, "direct"));
                    let row = Row { server, client: *client, mode, through, control };
                    rows.lock().expect("no worker fails with it").push((at, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no worker failed");
    rows.sort_by_key(|(at, _)| *at);
    guarded.finish();
    rows.into_iter().map(|(_, row)| row).collect()
}
