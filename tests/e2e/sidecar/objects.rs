//! What people deploy: the objects that `toolgate wrap` writes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{LABELS, NAMESPACE};
use crate::documents::yaml;
use crate::support::bootstrap::built_module;

/// A form for sidecars.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// One `EnvoyFilter`.
    EnvoyFilter,
    /// A `WasmPlugin` alone.
    WasmPlugin,
    /// A `WasmPlugin`, and an `EnvoyFilter` with the buffer filter.
    WasmPluginBuffered,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EnvoyFilter, Self::WasmPlugin, Self::WasmPluginBuffered];

    /// Those that let nothing out before the decision.
    pub const TIGHT: [Self; 2] = [Self::EnvoyFilter, Self::WasmPluginBuffered];

    /// What `wrap` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnvoyFilter => "envoy-filter",
            Self::WasmPlugin => "wasm-plugin",
            Self::WasmPluginBuffered => "wasm-plugin-buffered",
        }
    }

    /// What its policy says of `hold`.
    pub const fn hold(self) -> &'static str {
        match self {
            Self::EnvoyFilter => "headers",
            Self::WasmPlugin | Self::WasmPluginBuffered => "body",
        }
    }
}

/// The objects for this policy, under this name.
///
/// # Panics
///
/// With what `wrap` says, when it refuses.
pub fn wrapped(policy: &Value, form: Form, name: &str) -> Vec<Value> {
    documents(&wrap(policy, form, name).unwrap_or_else(|refusal| panic!("{name}: {refusal}")))
}

/// What `wrap` writes, or says.
pub fn wrap(policy: &Value, form: Form, name: &str) -> Result<String, String> {
    let module = format!("file://{}", built_module().display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.args(["wrap", "--form", form.name(), "--module", &module, "--name", name, "--namespace", NAMESPACE]);
    command.args(LABELS.iter().flat_map(|(key, value)| ["--selector".to_owned(), format!("{key}={value}")]));
    command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(policy.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The documents of a text, as JSON.
pub fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(yaml::to_json).collect()
}
