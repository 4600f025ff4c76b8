//! What Envoy writes to its error stream, kept line by line while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How every audit record begins.
const AUDIT_START: &str = r#"{"schema":"mcp_toolgate.audit/1","#;

/// A growing log that can be searched and waited for.
#[derive(Clone, Default)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    kept: Mutex<Kept>,
    grown: Condvar,
}

#[derive(Default)]
struct Kept {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Reads the stream to its end in a thread of its own.
    #[must_use]
    pub fn follow(stream: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        thread::spawn(move || writer.append_all(stream));
        log
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.locked().lines.clone()
    }

    /// All lines so far as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.locked().lines.join("\n")
    }

    /// All lines as one text, once the stream has come to its end.
    #[must_use]
    pub fn text_at_end(&self) -> String {
        let kept = self.shared.grown.wait_while(self.locked(), |it| !it.ended);
        let kept = kept.unwrap_or_else(PoisonError::into_inner);
        kept.lines.join("\n")
    }

    /// Waits until a line satisfies `wanted` and gives it; `None` when none came in time.
    #[must_use]
    pub fn wait_for_line(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let until = Instant::now() + limit;
        let mut seen = 0;
        let mut kept = self.locked();
        loop {
            if let Some(line) = kept.lines[seen..].iter().find(|line| wanted(line)) {
                return Some(line.clone());
            }
            seen = kept.lines.len();
            let left = until.checked_duration_since(Instant::now())?;
            let outcome = self.shared.grown.wait_timeout(kept, left);
            kept = outcome.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Every audit record in the log so far; the filter leaves denials out above so many in a second.
    #[must_use]
    pub fn audit_records(&self) -> Vec<Value> {
        let kept = self.locked();
        let lines = kept.lines.iter();
        lines.filter_map(|line| audit_record(line)).collect()
    }

    fn append_all(&self, stream: impl Read) {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.locked().lines.push(text);
            self.shared.grown.notify_all();
            line.clear();
        }
        self.locked().ended = true;
        self.shared.grown.notify_all();
    }

    fn locked(&self) -> MutexGuard<'_, Kept> {
        let kept = self.shared.kept.lock();
        kept.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record in a log line, which ends with the line.
fn audit_record(line: &str) -> Option<Value> {
    let start = line.find(AUDIT_START)?;
    serde_json::from_str(&line[start..]).ok()
}
